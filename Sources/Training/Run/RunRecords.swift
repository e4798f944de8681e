/// One line of `metrics.jsonl` per step. Losses are in nats per character, the mean over all ranks' characters.
public struct StepMetrics: Codable, Equatable, Sendable {
  public private(set) var kind = "step"
  /// From 1, over the whole run.
  public let step: Int
  /// From 1, over the whole run.
  public let epoch: Int
  /// Nil where it was not finite.
  public let loss: Double?
  public let learningRate: Double
  /// Before clipping; nil where it was not finite.
  public let gradientNorm: Double?
  public let windowLength: Int
  public let charactersPerSecond: Double
  /// Whether the step was not taken because loss or gradient was not finite.
  public let skipped: Bool
}

/// One line of `metrics.jsonl` per epoch.
public struct EpochMetrics: Codable, Equatable, Sendable {
  public private(set) var kind = "epoch"
  /// From 1, over the whole run.
  public let epoch: Int
  /// Steps so far.
  public let step: Int
  /// Smoothed; nil if no step was finite.
  public let trainLoss: Double?
  /// In nats per character; nil without validation.
  public let validLoss: Double?
  /// The validation loss in bits.
  public let bitsPerCharacter: Double?
  /// Training alone, without validation and checkpoint.
  public let seconds: Double
  /// Of all ranks together.
  public let charactersPerSecond: Double
  /// What validation took, and how long ranks waited for others in it, all added up; nil without.
  public let validSeconds: Double?
  public let validIdleSeconds: Double?
  /// Where each rank's time in the epoch's steps went, by the names of `PhaseClock.Phase`; nil where it made none since it was started.
  public let phaseSeconds: [String: [Double]]?
}

/// One line of `metrics.jsonl` per checkpoint.
public struct CheckpointMetrics: Codable, Equatable, Sendable {
  public private(set) var kind = "checkpoint"
  /// Steps and epochs that it holds.
  public let step: Int
  public let epoch: Int
  /// Such as `last` and `best`.
  public let names: [String]
  /// How long it took to write, and how long training waited for it.
  public let seconds: Double
  public let waitSeconds: Double
  /// Why it was not written; nil where it was.
  public let failure: String?
}

/// One line of `metrics.jsonl` where the run has gone back to a checkpoint because its numbers had gone wrong.
public struct RewindMetrics: Codable, Equatable, Sendable {
  public private(set) var kind = "rewind"
  /// Where it goes on.
  public let step: Int
  public let epoch: Int
  /// Where it came from.
  public let fromStep: Int
  /// What learning rates are multiplied with from now on.
  public let rateFactor: Double
}

/// What a run has done, in all.
public struct RunReport: Sendable {
  /// Nil if the run could not go on.
  public let ending: TrainingRun.Ending?
  public let directory: RunDirectory
  public let step: Int
  public let skippedSteps: Int
  public let rewinds: Int
  /// Times that it went on after it had ended.
  public let restarts: Int
  /// By this process.
  public let checkpointsWritten: Int
  public let checkpointsFailed: Int
  /// The step of the newest checkpoint `last` that this process has written, nil if it has written none.
  public let stepOfLast: Int?
  /// Of `metrics.jsonl`, where the storage took none, by this process.
  public let lostLines: Int
  /// The time that each rank has spent on training and validation, in this process, and the part of it in which it waited for others to validate:
  /// means over all ranks, in seconds.
  public let seconds: Double
  public let idleSeconds: Double
  /// The path of `best`, nil where there is none.
  public let best: String?
}

/// What a run is about to do.
public struct RunSummary: Sendable {
  public let config: TrainingConfig
  public let directory: RunDirectory
  /// Of each rank.
  public let placement: [Placement]
  public let parameterCount: Int
  /// V.
  public let vocabularyCount: Int
  public let trainCharacters: Int
  public let validCharacters: Int
  /// Those that the vocabulary lacks.
  public let unknownValidCharacters: Int
  /// Where the text's true entropy rate is known, in nats per character.
  public let entropyRate: Double?
  /// The steps already made, if an earlier run goes on.
  public let resumedAtStep: Int?
}

/// How evenly the ranks share the work.
public struct RankBalance: Equatable, Sendable {
  /// The mean of the ranks' times of computing over the longest, above 0; 1 where none waits for another.
  public let evenness: Double
  /// The one that computes longest.
  public let slowestRank: Int

  /// - Parameter seconds: that each rank has computed over the same steps; nil where nobody has.
  public init?(seconds: [Double]) {
    guard let slowest = seconds.indices.max(by: { seconds[$0] < seconds[$1] }), seconds[slowest] > 0 else {
      return nil
    }
    slowestRank = slowest
    evenness = seconds.reduce(0, +) / Double(seconds.count) / seconds[slowest]
  }
}

/// Whoever shows a run to the user. Called on rank 0 only.
public protocol RunObserver: AnyObject {
  func runBegan(_ summary: RunSummary)
  /// After each step; `fraction` of the epoch's text is done.
  func stepEnded(_ metrics: StepMetrics, smoothedLoss: Double?, fraction: Double)
  /// The run has gone back to where it was after `step`; steps after it are going to be made anew.
  func wentBack(toStep step: Int)
  /// Now and then, where there are several ranks.
  func ranksCompared(_ balance: RankBalance)
  /// During a validation; `fraction` of the characters to predict is done, 0 at the start.
  func validationAdvanced(fraction: Double, of characters: Int)
  func epochEnded(_ metrics: EpochMetrics, isBest: Bool)
  /// - Parameter text: without control characters.
  func sampled(_ text: String)
  /// After each epoch, where the run collects them.
  func histogramsCollected(_ histograms: [TensorHistogram], step: Int)
  func runEnded(_ report: RunReport)
}

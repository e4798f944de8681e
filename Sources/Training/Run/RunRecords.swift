/// One line of `metrics.jsonl` per step. Losses are in nats per character, the mean over all ranks' characters.
public struct StepMetrics: Encodable, Equatable, Sendable {
  public let kind = "step"
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
public struct EpochMetrics: Encodable, Equatable, Sendable {
  public let kind = "epoch"
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
}

/// What a run is about to do.
public struct RunSummary: Sendable {
  public let config: TrainingConfig
  public let directory: RunDirectory
  public let ranks: Int
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

/// Whoever shows a run to the user. Called on rank 0 only.
public protocol RunObserver: AnyObject {
  func runBegan(_ summary: RunSummary)
  /// - Parameter fraction: how much of the epoch's text is done.
  func stepEnded(_ metrics: StepMetrics, smoothedLoss: Double?, fraction: Double)
  /// - Parameter characters: those predicted so far; 0 at the start.
  func validationAdvanced(characters: Int, of total: Int)
  func epochEnded(_ metrics: EpochMetrics, isBest: Bool)
  /// - Parameter text: without control characters.
  func sampled(_ text: String)
  /// - Parameter isFinished: whether all phases are over, or the run stopped as it was told to.
  func runEnded(_ directory: RunDirectory, step: Int, isFinished: Bool)
}

import Logging
import Storage
import Text

/// Rank 0's checkpoints of a run: when one is due, what has become of each, and to which the run can go back.
final class RunCheckpoints {
  private let interval: CheckpointInterval
  private let directory: RunDirectory
  private let trainer: Trainer
  private let metrics: MetricsLog
  private let logger: Logger
  private let writer: CheckpointWriter
  private let clock = ContinuousClock()
  /// When the last checkpoint was asked for.
  private var saved: ContinuousClock.Instant
  /// How long training has waited for each checkpoint whose outcome is not noted yet, in seconds.
  private var waits: [Double] = []
  /// By this process.
  private(set) var written = 0
  private(set) var failed = 0
  /// Of what this process has written as `last`.
  private(set) var stepOfLast: Int?
  /// Whether `last` is not what the last snapshot holds, and why.
  private var failureOfLast: CheckpointWriter.Failure?
  /// Whether the best model could not be written: `best`, if there is one, is another.
  private var isBestLost = false

  /// - Throws: `StorageError` if the directory cannot be read.
  init(
    _ directory: RunDirectory, _ description: RunDescription, _ vocabulary: Vocabulary, _ trainer: Trainer,
    _ metrics: MetricsLog, _ logger: Logger
  ) throws {
    interval = description.config.checkpointEvery
    self.directory = directory
    self.trainer = trainer
    self.metrics = metrics
    self.logger = logger
    writer = try CheckpointWriter(directory, description, vocabulary)
    saved = clock.now
  }

  /// Whether there should be one after the step at hand.
  var isDue: Bool {
    switch interval {
    case .steps(let every): (trainer.progress.step + 1).isMultiple(of: every)
    case .minutes(let minutes): clock.now - saved >= .seconds(60 * minutes)
    }
  }

  /// The names of those of this step and of the cycle that ends with it.
  var stepName: String { "step-\(trainer.progress.step)" }
  var cycleName: String { "cycle-\(trainer.progress.cycle - 1)" }

  /// Begins to write one; training may go on.
  ///
  /// - Parameters:
  ///   - names: such as `last`.
  ///   - start: when training began to wait for it.
  func save(_ names: [String], _ states: CollectedStates, since start: ContinuousClock.Instant) throws {
    try writer.write(names, trainer, states)
    // Nothing more is lost than since the one before if nothing is done until this one is there; but that must not cost much.
    writer.wait(atMost: (start - saved) * Self.patience)
    saved = start
    waits.append((clock.now - start) / .seconds(1))
  }

  /// The part of the time between checkpoints that training may wait for one.
  private static let patience = 0.01

  /// Keeps the `best` of whole epochs, for a run that goes on, before that of a stop within one takes its name.
  func setBestAside() throws {
    try finishWriting()
    do { try directory.setBestAside() } catch { try metrics.warn("\(error)") }
  }

  /// Says what has become of those begun before.
  func noteOutcomes() throws {
    for name in writer.takeLost() {
      try metrics.warn(
        "'\(name)' could not be written in time: what may be there under that name is an older one")
    }
    for outcome in writer.takeOutcomes() { try note(outcome) }
  }

  private func note(_ outcome: CheckpointWriter.Outcome) throws {
    let (progress, names) = (outcome.progress, outcome.names)
    try metrics.note(
      CheckpointMetrics(
        step: progress.step, epoch: progress.epoch, names: names, seconds: outcome.seconds,
        waitSeconds: outcome.isSecondTry ? 0 : waits.removeFirst(), failure: outcome.failure.map { "\($0)" })
    )
    if !outcome.isSecondTry || names.contains("last") { failureOfLast = outcome.failure }
    if names.contains("best") { isBestLost = outcome.failure != nil }
    if let failure = outcome.failure {
      failed += 1
      logger.warning("checkpoint after step \(progress.step) not written: \(failure)")
    } else {
      if let failure = outcome.pruningFailure { try metrics.warn("an old checkpoint stays: \(failure)") }
      written += 1
      if names.contains("last") { stepOfLast = progress.step }
      logger.debug("wrote \(names.joined(separator: ", ")) after step \(progress.step)")
    }
  }

  /// Waits until all that was begun is written, and says what has become of it.
  func finishWriting() throws {
    writer.wait()
    try noteOutcomes()
  }

  /// As `finishWriting`, and tries once more what the storage did not take.
  ///
  /// - Throws: ``FinalSaveFailed`` if the last checkpoint cannot be written, ``TrainingRun/Diverged`` if it must not be.
  func end() throws {
    try finishWriting()
    switch failureOfLast {
    case nil: return
    case .notFinite:
      throw TrainingRun.Diverged(
        found: "parameters that are not", progress: trainer.progress, checkpoint: last)
    case .storage:
      do {
        try writer.writeAgain()
        try noteOutcomes()
      } catch {
        let good = try? directory.lastGoodCheckpoint { _ in }
        throw FinalSaveFailed(
          cause: error, step: trainer.progress.step, lastGood: good?.file.path,
          stepOfLastGood: good?.progress?.step)
      }
    }
  }

  // MARK: What is there

  /// The one of a step before `limit` from which to go on after the numbers have gone wrong, nil if there is none.
  func lastGood(before limit: Int) throws -> Checkpoint? {
    try finishWriting()
    do {
      return try directory.lastGoodCheckpoint(metrics.warn) { $0.skippedInARow == 0 && $0.step < limit }
    } catch is CheckpointError { return nil } catch {
      try metrics.warn("\(error)")
      return nil
    }
  }

  /// The path of `last`, nil before it was written.
  var last: String? {
    writer.wait()
    return path("last")
  }

  /// The path of `best`, nil if there is none or if it is not that of the best model.
  var best: String? { isBestLost ? nil : path("best") }

  private func path(_ name: String) -> String? {
    let path = directory.checkpoint(name)
    return kind(of: path) == .nothing ? nil : path
  }
}

/// A run that has ended, but could not be saved.
public struct FinalSaveFailed: Error, CustomStringConvertible {
  public let cause: any Error
  public let step: Int
  /// The newest checkpoint that can be used, nil if there is none.
  public let lastGood: String?
  public let stepOfLastGood: Int?

  public var description: String {
    let good =
      lastGood.map { "the last good one is '\($0)', of step \(stepOfLastGood ?? 0)" }
      ?? "there is none before"
    return "the run's last checkpoint, of step \(step), could not be written: \(cause); \(good)"
  }
}

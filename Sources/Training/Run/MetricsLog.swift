import FoundationEssentials
import Logging
import Storage

/// The lines of a run's `metrics.jsonl`, as rank 0 writes them.
final class MetricsLog {
  private let log: RunLog
  private let trainer: Trainer
  private let logger: Logger

  /// - Throws: `StorageError` if the file cannot be opened.
  init(_ directory: RunDirectory, _ trainer: Trainer, _ logger: Logger) throws {
    self.trainer = trainer
    self.logger = logger
    var note: (String) -> Void = { _ in }
    log = try RunLog(directory.metrics) { note($0) }
    note = { [unowned self] text in try? warn(text) }
  }

  /// Lines that the storage has not taken.
  var lostLines: Int { log.lostLines }

  /// Forgets lines that wait until the storage takes any.
  func discardWaiting() { log.discardWaiting() }

  /// A line that the storage does not take is added when it takes lines again, unless it is one of many alike.
  func note(_ record: some Encodable) throws {
    try log.add(JSON.line(record) + "\n", isKept: !(record is StepMetrics))
  }

  func noteStart(_ placement: [Placement]) throws {
    let progress = trainer.progress
    try note(
      StartMetrics(
        step: progress.step, epoch: progress.epoch, time: Date.now.timeIntervalSince1970,
        ranks: placement.ranksByHost))
  }

  func noteEnd(_ ending: EndMetrics.Ending) throws {
    let progress = trainer.progress
    try note(
      EndMetrics(
        step: progress.step, epoch: progress.epoch, time: Date.now.timeIntervalSince1970, ending: ending))
  }

  /// Of a warning that the user has been given.
  func noteWarning(_ text: String) throws {
    let progress = trainer.progress
    try note(
      WarningMetrics(
        step: progress.step, epoch: progress.epoch, time: Date.now.timeIntervalSince1970, text: text))
  }

  /// Warns the user, now and in the run's records.
  func warn(_ text: String) throws {
    logger.warning("\(text)")
    try noteWarning(text)
  }
}

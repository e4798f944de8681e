import CharModel
import FoundationEssentials
import Kernels
import Logging
import Storage
import Text

/// Rank 0's side of a run: it validates, samples, and writes the run's files.
final class RunRecorder {
  private let config: TrainingConfig
  private let placement: [Placement]
  private let directory: RunDirectory
  private let text: SharedText.RootText
  private let trainer: Trainer
  private let observer: any RunObserver
  private let logger: Logger
  private let metrics: RunLog
  private let samples: RunLog
  private let writer: CheckpointWriter
  private let lock: FileLock
  private let clock = ContinuousClock()
  /// When the last checkpoint was asked for.
  private var saved: ContinuousClock.Instant
  /// How long training has waited for each checkpoint whose outcome is not noted yet, in seconds.
  private var waits: [Double] = []
  private var checkpointsWritten = 0
  private var checkpointsFailed = 0
  /// Of training and validation by this process, and of a rank's waiting for those that validate.
  private var seconds = 0.0
  private var idleSeconds = 0.0
  /// Whether `last` is not what the last snapshot holds, and why.
  private var failureOfLast: CheckpointWriter.Failure?
  /// Whether the best model could not be written: `best`, if there is one, is another.
  private var isBestLost = false
  /// Of what this process has written as `last`.
  private var stepOfLast: Int?

  /// Makes the run's directory and writes its `config.json`.
  ///
  /// - Parameter warnings: that have been said already.
  init(
    _ start: RunStart, _ placement: [Placement], _ text: SharedText.RootText, _ trainer: Trainer,
    _ observer: any RunObserver, _ logger: Logger, warnings: [String]
  ) throws {
    var config = start.config
    // Only now that nothing is wrong with the input: a run that cannot start leaves nothing behind.
    let resumed = try start.resumedDirectory.map { try RunDirectory(existing: $0) }
    if let resumed, config.runDir == resumed.path {
      directory = resumed
    } else {
      directory = try RunDirectory(creating: config.runDir)
    }
    try makeDirectories(directory.checkpoints)
    guard !isLink(directory.checkpoints) else {
      throw OptionError(
        option: start.resumesRun ? "resume" : "run-dir", expected: "a directory of its own for checkpoints",
        found: "a link in '\(directory.checkpoints)'")
    }
    config.runDir = directory.path
    self.config = config
    self.placement = placement
    self.text = text
    self.trainer = trainer
    self.observer = observer
    self.logger = logger
    lock = try directory.lock()
    try directory.write(RunDescription(config: config, placement: placement))
    if start.resumesRun {
      try removeTemporaryFiles(in: directory.path)
      try removeTemporaryFiles(in: directory.checkpoints)
      if directory.path == resumed!.path {
        try directory.cutRecords(after: trainer.progress)
      } else {
        try resumed!.copyRecords(to: directory, until: trainer.progress)
      }
      if directory.path == resumed!.path { try directory.takeBackBest() }
      trainer.progress.restarts += 1
    }
    writer = try CheckpointWriter(directory, keep: config.keep, text.vocabulary)
    metrics = try RunLog(directory.metrics) { logger.warning("\($0)") }
    samples = try RunLog(directory.samples) { logger.warning("\($0)") }
    saved = clock.now
    try note(
      StartMetrics(
        step: trainer.progress.step, epoch: trainer.progress.epoch, time: Date.now.timeIntervalSince1970,
        ranks: placement.ranksByHost))
    for warning in start.warnings + warnings { try noteWarning(warning) }
    observer.runBegan(
      RunSummary(
        config: config, directory: directory, placement: placement,
        parameterCount: trainer.parameters.layout.parameterCount,
        vocabularyCount: text.vocabulary.count, trainCharacters: text.train.count,
        validCharacters: text.valid.count, unknownValidCharacters: text.valid.unknownCount,
        entropyRate: config.entropyRate, resumedAtStep: start.resumesRun ? trainer.progress.step : nil))
  }

  func stepEnded(_ record: Trainer.StepRecord, seconds: Double) throws {
    try noteCheckpoints()
    let line = StepMetrics(
      step: record.step + 1, epoch: trainer.progress.epoch + 1,
      loss: record.loss.isFinite ? record.loss : nil, learningRate: record.learningRate,
      gradientNorm: record.gradientNorm.isFinite ? record.gradientNorm : nil,
      windowLength: record.windowLength,
      charactersPerSecond: Double(record.windowLength * config.bs) / max(seconds, 1e-9),
      skipped: !record.isFinite)
    try note(line)
    observer.stepEnded(
      line, smoothedLoss: trainer.progress.smoothedLoss.value, fraction: trainer.epochFraction)
  }

  /// Asks for a checkpoint after the step at hand, where it is time for one.
  var requests: RunRequests {
    switch config.checkpointEvery {
    case .steps(let every): (trainer.progress.step + 1).isMultiple(of: every) ? .save : []
    case .minutes(let minutes): clock.now - saved >= .seconds(60 * minutes) ? .save : []
    }
  }

  // MARK: Validation

  func validationAdvanced(fraction: Double, of characters: Int) {
    observer.validationAdvanced(fraction: fraction, of: characters)
  }

  /// - Parameter phases: see ``EpochMetrics/phaseSeconds``.
  func epochEnded(
    _ epoch: Int, _ validation: Validator.Result, phases: [String: [Double]]?, isBest: Bool
  ) throws {
    let (seconds, characters) = (trainer.progress.secondsInEpoch, trainer.progress.charactersInEpoch)
    let line = EpochMetrics(
      epoch: epoch, step: trainer.progress.step, trainLoss: trainer.progress.smoothedLoss.value,
      validLoss: validation.loss,
      bitsPerCharacter: validation.loss.map {
        Evaluation(natsPerCharacter: $0, characters: 1).bitsPerCharacter
      },
      seconds: seconds, charactersPerSecond: Double(characters) / max(seconds, 1e-9),
      validSeconds: validation.seconds, validIdleSeconds: validation.idleSeconds, phaseSeconds: phases)
    try note(line)
    self.seconds += seconds + (validation.seconds ?? 0)
    idleSeconds += (validation.idleSeconds ?? 0) / Double(placement.count)
    observer.epochEnded(line, isBest: isBest)
  }

  func ranksCompared(_ balance: RankBalance) { observer.ranksCompared(balance) }

  func histogramsCollected(_ histograms: [TensorHistogram]) {
    observer.histogramsCollected(histograms, step: trainer.progress.step)
  }

  /// - Parameter isInterrupted: asked after each character.
  func sample(epoch: Int, isInterrupted: () -> Bool) throws {
    guard config.sampleLength > 0 else { return }
    do {
      let sampler = try Sampler(
        trainer.trained, prime: [text.vocabulary.defaultPrime], options: SamplingOptions(),
        seed: config.seed, numbers: epoch..<epoch + 1, trainer.compute)
      var writer = TokenWriter(text.vocabulary, unit: config.unit)
      var bytes: [UInt8] = []
      for _ in 0..<config.sampleLength {
        if isInterrupted() { return }
        bytes += writer.write(sampler.next()[0].token)
      }
      let sample = String(decoding: bytes + writer.flush(), as: UTF8.self)
      samples.add("\(RunDirectory.samplesHeader)\(epoch)\n\(sample)\n")
      observer.sampled(sample)
    } catch {
      try warn("no sample: \(error)")
    }
  }

  /// Warns the user, now and in the run's records.
  func warn(_ text: String) throws {
    logger.warning("\(text)")
    try noteWarning(text)
  }

  private func noteWarning(_ text: String) throws {
    try note(
      WarningMetrics(
        step: trainer.progress.step, epoch: trainer.progress.epoch, time: Date.now.timeIntervalSince1970,
        text: text))
  }

  /// Adds a line to `metrics.jsonl`.
  private func note(_ record: some Encodable) throws { try metrics.add(JSON.line(record) + "\n") }

  // MARK: Checkpoints

  /// Begins to write a checkpoint; training may go on.
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
    writer.wait()
    try noteCheckpoints()
    do { try directory.setBestAside() } catch { try warn("\(error)") }
  }

  /// The names of the checkpoints of this step and of the cycle that ends with it.
  var stepName: String { "step-\(trainer.progress.step)" }
  var cycleName: String { "cycle-\(trainer.progress.cycle - 1)" }

  /// Says what has become of checkpoints begun before.
  private func noteCheckpoints() throws {
    for name in writer.takeLost() {
      try warn("'\(name)' could not be written in time: what may be there under that name is an older one")
    }
    for outcome in writer.takeOutcomes() {
      let (progress, names) = (outcome.progress, outcome.names)
      try note(
        CheckpointMetrics(
          step: progress.step, epoch: progress.epoch, names: names, seconds: outcome.seconds,
          waitSeconds: waits.removeFirst(), failure: outcome.failure.map { "\($0)" }))
      failureOfLast = outcome.failure
      if names.contains("best") { isBestLost = outcome.failure != nil }
      if let failure = outcome.failure {
        checkpointsFailed += 1
        logger.warning("checkpoint after step \(progress.step) not written: \(failure)")
      } else {
        if let failure = outcome.pruningFailure { try warn("an old checkpoint stays: \(failure)") }
        checkpointsWritten += 1
        if names.contains("last") { stepOfLast = progress.step }
        logger.debug("wrote \(names.joined(separator: ", ")) after step \(progress.step)")
      }
    }
  }

  /// The checkpoint of a step before `limit` from which to go on after the numbers have gone wrong, nil if there is none.
  func lastGoodCheckpoint(before limit: Int) throws -> Checkpoint? {
    writer.wait()
    try noteCheckpoints()
    do {
      return try directory.lastGoodCheckpoint(warn) { $0.skippedInARow == 0 && $0.step < limit }
    } catch is CheckpointError { return nil } catch {
      try warn("\(error)")
      return nil
    }
  }

  /// The path of `last`, nil before it was written.
  var lastCheckpoint: String? {
    writer.wait()
    let path = directory.checkpoint("last")
    return kind(of: path) == .nothing ? nil : path
  }

  /// The run has gone back to where `trainer` is now.
  func rewound(fromStep: Int) throws {
    let progress = trainer.progress
    logger.warning(
      "went back from step \(fromStep) to \(progress.step), with learning rates times \(progress.rateFactor)")
    // Where the storage takes nothing, old lines stay.
    do {
      try directory.cutRecords(after: progress)
    } catch { logger.warning("\(error)") }
    try note(
      RewindMetrics(
        step: progress.step, epoch: progress.epoch, fromStep: fromStep, rateFactor: progress.rateFactor))
    observer.wentBack(toStep: progress.step)
  }

  // MARK: The end

  /// Waits until all is written.
  ///
  /// - Throws: ``FinalSaveFailed`` if the last checkpoint cannot be written.
  func runEnded(_ ending: TrainingRun.Ending) throws {
    writer.wait()
    try noteCheckpoints()
    if case .storage = failureOfLast {
      do {
        try directory.restore(RunDescription(config: config, placement: placement))
        try writer.writeAgain()
        checkpointsWritten += 1
        stepOfLast = trainer.progress.step
      } catch {
        observer.runEnded(report(nil))
        let good = try? directory.lastGoodCheckpoint { _ in }
        throw FinalSaveFailed(
          cause: error, step: trainer.progress.step, lastGood: good?.file.path,
          stepOfLastGood: good?.progress?.step)
      }
    }
    try noteEnd(EndMetrics.Ending(ending))
    observer.runEnded(report(ending))
  }

  /// The run cannot go on: its numbers have gone wrong.
  func runDiverged() throws {
    writer.wait()
    try noteCheckpoints()
    try noteEnd(.diverged)
    observer.runEnded(report(nil))
  }

  private func noteEnd(_ ending: EndMetrics.Ending) throws {
    let progress = trainer.progress
    try note(
      EndMetrics(
        step: progress.step, epoch: progress.epoch, time: Date.now.timeIntervalSince1970, ending: ending))
  }

  private func report(_ ending: TrainingRun.Ending?) -> RunReport {
    let progress = trainer.progress
    let best = directory.checkpoint("best")
    return RunReport(
      ending: ending, directory: directory, step: progress.step,
      skippedSteps: progress.skippedSteps + progress.skippedBeforeRewinds, rewinds: progress.rewinds,
      restarts: progress.restarts, checkpointsWritten: checkpointsWritten,
      checkpointsFailed: checkpointsFailed,
      stepOfLast: stepOfLast, lostLines: metrics.lostLines, seconds: seconds, idleSeconds: idleSeconds,
      best: kind(of: best) == .nothing || isBestLost ? nil : best)
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

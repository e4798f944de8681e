import CharModel
import FoundationEssentials
import Kernels
import Logging
import Storage
import Text

/// Rank 0's side of a run: it samples, writes the run's files, and tells whoever watches.
final class RunRecorder {
  private let config: TrainingConfig
  private let placement: [Placement]
  private let directory: RunDirectory
  private let text: SharedText.RootText
  private let trainer: Trainer
  private let observer: any RunObserver
  private let logger: Logger
  private let metrics: MetricsLog
  private let samples: RunLog
  private let lock: FileLock
  let checkpoints: RunCheckpoints
  /// Of training and validation by this process, and of a rank's waiting for those that validate.
  private var seconds = 0.0
  private var idleSeconds = 0.0

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
    if resumed?.path == directory.path {
      lock = try start.lock ?? directory.lock()
      try removeTemporaryFiles(in: directory.path)
      try removeTemporaryFiles(in: directory.checkpoints)
      try directory.cutRecords(after: trainer.progress)
      try directory.takeBackBest()
    } else {
      lock = try directory.lock()
      // Another may have begun there meanwhile, and have ended.
      if kind(of: directory.config) != .nothing { throw RunInUse(path: directory.path) }
      try resumed?.copyRecords(to: directory, until: trainer.progress, start.checkpoint)
      start.lock?.release()
    }
    if start.resumesRun { trainer.progress.restarts += 1 }
    let description = RunDescription(config: config, placement: placement)
    try directory.write(description)
    metrics = try MetricsLog(directory, trainer, logger)
    samples = try RunLog(directory.samples) { logger.warning("\($0)") }
    checkpoints = try RunCheckpoints(directory, description, text.vocabulary, trainer, metrics, logger)
    try metrics.noteStart(placement)
    for warning in start.warnings + warnings { try metrics.noteWarning(warning) }
    observer.runBegan(
      RunSummary(
        config: config, directory: directory, placement: placement,
        parameterCount: trainer.parameters.layout.parameterCount,
        vocabularyCount: text.vocabulary.count, trainCharacters: text.train.count,
        validCharacters: text.valid.count, unknownValidCharacters: text.valid.unknownCount,
        entropyRate: config.entropyRate, resumedAtStep: start.resumesRun ? trainer.progress.step : nil))
  }

  func stepEnded(_ record: Trainer.StepRecord, seconds: Double) throws {
    try checkpoints.noteOutcomes()
    let line = StepMetrics(
      step: record.step + 1, epoch: trainer.progress.epoch + 1,
      loss: record.loss.isFinite ? record.loss : nil, learningRate: record.learningRate,
      gradientNorm: record.gradientNorm.isFinite ? record.gradientNorm : nil,
      windowLength: record.windowLength,
      charactersPerSecond: Double(record.windowLength * config.bs) / max(seconds, 1e-9),
      skipped: !record.isFinite)
    try metrics.note(line)
    observer.stepEnded(
      line, smoothedLoss: trainer.progress.smoothedLoss.value, fraction: trainer.epochFraction)
  }

  /// Asks for a checkpoint after the step at hand, where it is time for one.
  var requests: RunRequests { checkpoints.isDue ? .save : [] }

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
    try metrics.note(line)
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
      samples.add("\(RunDirectory.samplesHeader)\(epoch)\n\(sample)\n", isKept: true)
      observer.sampled(sample)
    } catch {
      try metrics.warn("no sample: \(error)")
    }
  }

  /// The run has gone back to where `trainer` is now.
  func rewound(fromStep: Int) throws {
    let progress = trainer.progress
    logger.warning(
      "went back from step \(fromStep) to \(progress.step), with learning rates times \(progress.rateFactor)")
    metrics.discardWaiting()
    samples.discardWaiting()
    // Where the storage takes nothing, old lines stay.
    do {
      try directory.cutRecords(after: progress)
    } catch { logger.warning("\(error)") }
    try metrics.note(
      RewindMetrics(
        step: progress.step, epoch: progress.epoch, fromStep: fromStep, rateFactor: progress.rateFactor))
    observer.wentBack(toStep: progress.step)
  }

  // MARK: The end

  /// Waits until all is written.
  ///
  /// - Throws: ``FinalSaveFailed`` if the last checkpoint cannot be written, ``TrainingRun/Diverged`` if it must not be.
  func runEnded(_ ending: TrainingRun.Ending) throws {
    do {
      try checkpoints.end()
    } catch let error as TrainingRun.Diverged {
      try runDiverged()
      throw error
    } catch {
      observer.runEnded(report(nil))
      throw error
    }
    samples.addWaiting()
    try metrics.noteEnd(EndMetrics.Ending(ending))
    observer.runEnded(report(ending))
  }

  /// The run cannot go on: its numbers have gone wrong.
  func runDiverged() throws {
    try checkpoints.finishWriting()
    try metrics.noteEnd(.diverged)
    observer.runEnded(report(nil))
  }

  private func report(_ ending: TrainingRun.Ending?) -> RunReport {
    let progress = trainer.progress
    return RunReport(
      ending: ending, directory: directory, step: progress.step,
      skippedSteps: progress.skippedSteps + progress.skippedBeforeRewinds, rewinds: progress.rewinds,
      restarts: progress.restarts, checkpointsWritten: checkpoints.written,
      checkpointsFailed: checkpoints.failed, stepOfLast: checkpoints.stepOfLast,
      lostLines: metrics.lostLines, seconds: seconds, idleSeconds: idleSeconds, best: checkpoints.best)
  }
}

import CharModel
import Kernels
import Logging
import Storage
import Text

/// Rank 0's side of a run: it validates, samples, and writes the run's files.
final class RunRecorder {
  private let config: TrainingConfig
  private let directory: RunDirectory
  private let text: SharedText.RootText
  private let trainer: Trainer
  private let observer: any RunObserver
  private let logger: Logger
  private let evaluator: Evaluator?
  private let metrics: OutputFile
  private let samples: OutputFile
  /// The `step-K` checkpoints written and not removed since, oldest first.
  private var stepCheckpoints: [String] = []

  /// Makes the run's directory and writes its `config.json`.
  init(
    _ start: RunStart, ranks: Int, _ text: SharedText.RootText, _ trainer: Trainer,
    _ observer: any RunObserver, _ logger: Logger
  ) throws {
    var config = start.config
    evaluator =
      config.validate
      ? try Evaluator(
        trainer.trained, text.valid,
        streams: Evaluator.streams(wanted: config.bs, count: text.valid.count), name: config.validName,
        trainer.compute)
      : nil
    // Only now that nothing is wrong with the input: a run that cannot start leaves nothing behind.
    directory =
      start.resumesRun
      ? try RunDirectory(existing: config.runDir!) : try RunDirectory(creating: config.runDir)
    try makeDirectories(directory.checkpoints)
    config.runDir = directory.path
    self.config = config
    self.text = text
    self.trainer = trainer
    self.observer = observer
    self.logger = logger
    if start.resumesRun {
      try directory.forgetMetrics(after: trainer.progress)
    } else {
      let page = try JSON.page(config) + "\n"
      try writeAtomically(to: directory.config) { try $0.write(page) }
    }
    stepCheckpoints = try directory.stepCheckpoints
    metrics = try OutputFile(appendingTo: directory.metrics)
    samples = try OutputFile(appendingTo: directory.samples)
    observer.runBegan(
      RunSummary(
        config: config, directory: directory, ranks: ranks,
        parameterCount: trainer.parameters.layout.parameterCount,
        vocabularyCount: text.vocabulary.count, trainCharacters: text.train.count,
        validCharacters: text.valid.count, unknownValidCharacters: text.valid.unknownCount,
        entropyRate: config.entropyRate, resumedAtStep: start.resumesRun ? trainer.progress.step : nil))
  }

  func stepEnded(_ record: Trainer.StepRecord, seconds: Double) throws {
    let line = StepMetrics(
      step: record.step + 1, epoch: trainer.progress.epoch + 1,
      loss: record.loss.isFinite ? record.loss : nil, learningRate: record.learningRate,
      gradientNorm: record.gradientNorm.isFinite ? record.gradientNorm : nil,
      windowLength: record.windowLength,
      charactersPerSecond: Double(record.windowLength * config.bs) / max(seconds, 1e-9),
      skipped: !record.isFinite)
    try metrics.write(JSON.line(line) + "\n")
    observer.stepEnded(
      line, smoothedLoss: trainer.progress.smoothedLoss.value, fraction: trainer.epochFraction)
  }

  /// Writes `step-K` and removes the oldest beyond those to keep.
  func saveStep(_ states: CollectedStates) throws {
    let path = directory.checkpoint("step-\(trainer.progress.step)")
    guard try write(path, states) else { return }
    stepCheckpoints.append(path)
    while stepCheckpoints.count > config.keep { try removeFile(stepCheckpoints.removeFirst()) }
  }

  /// Writes `cycle-K`.
  func saveCycle(_ number: Int, _ states: CollectedStates) throws {
    _ = try write(directory.checkpoint("cycle-\(number)"), states)
  }

  /// The validation loss in nats per character, or nil if the run does not validate or the loss is not finite.
  func validate() -> Double? {
    guard let evaluator else { return nil }
    let evaluation = evaluator.evaluate {
      observer.validationAdvanced(characters: $0, of: evaluator.characters)
    }
    return evaluation.natsPerCharacter.isFinite ? evaluation.natsPerCharacter : nil
  }

  func epochEnded(
    _ epoch: Int, seconds: Double, characters: Int, validLoss: Double?, isBest: Bool
  ) throws {
    let line = EpochMetrics(
      epoch: epoch, step: trainer.progress.step, trainLoss: trainer.progress.smoothedLoss.value,
      validLoss: validLoss,
      bitsPerCharacter: validLoss.map {
        Evaluation(natsPerCharacter: $0, characters: 1).bitsPerCharacter
      },
      seconds: seconds, charactersPerSecond: Double(characters) / max(seconds, 1e-9))
    try metrics.write(JSON.line(line) + "\n")
    observer.epochEnded(line, isBest: isBest)
  }

  /// Writes `last`, and `best` too where this is the best so far.
  func save(_ states: CollectedStates, isBest: Bool) throws {
    guard try write(directory.checkpoint("last"), states) else { return }
    if isBest { _ = try write(directory.checkpoint("best"), states) }
  }

  /// Writes a checkpoint, unless the parameters are no numbers any more: the one before is then the last good one.
  ///
  /// - Returns: whether it was written.
  private func write(_ path: String, _ states: CollectedStates) throws -> Bool {
    guard trainer.parameters.areFinite, trainer.trained.areFinite else {
      logger.warning("some parameters are not finite: '\(path)' is not written")
      return false
    }
    try trainer.writeCheckpoint(to: path, states, text.vocabulary)
    logger.debug("wrote '\(path)' after step \(trainer.progress.step)")
    return true
  }

  /// The path of `last`, nil before it was written.
  var lastCheckpoint: String? {
    let path = directory.checkpoint("last")
    return kind(of: path) == .nothing ? nil : path
  }

  func sample(epoch: Int) throws {
    guard config.sampleLength > 0 else { return }
    var sampler = Sampler(
      trainer.trained, prime: [text.vocabulary.defaultPrime], options: SamplingOptions(),
      seed: config.seed, number: epoch)
    var bytes: [UInt8] = []
    sampler.write(config.sampleLength, TokenWriter(text.vocabulary, unit: config.unit)) { bytes += $0 }
    let sample = String(decoding: bytes, as: UTF8.self)
    try samples.write("--- epoch \(epoch)\n\(sample)\n")
    observer.sampled(sample)
  }

  func runEnded() {
    observer.runEnded(directory, step: trainer.progress.step, isFinished: trainer.isFinished)
  }
}

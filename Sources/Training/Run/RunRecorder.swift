import CharModel
import Storage
import Text

/// Rank 0's side of a run: it validates, samples, and writes the run's files.
final class RunRecorder {
  private let config: TrainingConfig
  private let directory: RunDirectory
  private let text: SharedText.RootText
  private let trainer: Trainer
  private let observer: any RunObserver
  private let evaluator: Evaluator?
  private let metrics: OutputFile
  private let samples: OutputFile
  /// The `step-K` checkpoints written and not removed since, oldest first.
  private var stepCheckpoints: [String] = []

  /// Makes the run's directory and writes its `config.json`.
  init(
    _ config: TrainingConfig, runDirectory: String?, ranks: Int, _ text: SharedText.RootText,
    _ trainer: Trainer, _ observer: any RunObserver
  ) throws {
    self.config = config
    self.text = text
    self.trainer = trainer
    self.observer = observer
    directory = try RunDirectory(creating: runDirectory)
    let page = try JSON.page(config) + "\n"
    try writeAtomically(to: directory.config) { try $0.write(page) }
    metrics = try OutputFile(appendingTo: directory.metrics)
    samples = try OutputFile(appendingTo: directory.samples)
    evaluator =
      config.validate
      ? Evaluator(
        trainer.parameters, streams: Evaluator.streams(wanted: config.bs, count: text.valid.count))
      : nil
    observer.runBegan(
      RunSummary(
        config: config, directory: directory, ranks: ranks,
        parameterCount: trainer.parameters.layout.parameterCount,
        vocabularyCount: text.vocabulary.count, trainCharacters: text.trainCount,
        validCharacters: text.valid.count,
        entropyRate: config.isOnBuiltInCorpus ? BuiltInCorpus.grammar.entropyRate : nil))
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
    try trainer.writeCheckpoint(to: path, states, text.vocabulary)
    stepCheckpoints.append(path)
    while stepCheckpoints.count > config.keep { try removeFile(stepCheckpoints.removeFirst()) }
  }

  /// The validation loss in nats per character, or nil if the run does not validate.
  func validate() throws -> Double? {
    try evaluator?.evaluate(text.valid, name: config.validName, onProgress: observer.validationAdvanced)
      .natsPerCharacter
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
    try trainer.writeCheckpoint(to: directory.checkpoint("last"), states, text.vocabulary)
    if isBest { try trainer.writeCheckpoint(to: directory.checkpoint("best"), states, text.vocabulary) }
  }

  /// The path of `last`, nil before it was written.
  var lastCheckpoint: String? {
    let path = directory.checkpoint("last")
    return kind(of: path) == .file ? path : nil
  }

  func sample(epoch: Int) throws {
    guard config.sampleLength > 0 else { return }
    let prime = text.vocabulary.defaultPrime
    var sampler = Sampler(
      trainer.parameters, prime: [prime], options: SamplingOptions(), seed: config.seed, number: epoch)
    var writer = TokenWriter(text.vocabulary, unit: config.unit)
    var bytes: [UInt8] = []
    for _ in 0..<config.sampleLength { bytes += writer.write(sampler.next()) }
    bytes += writer.flush()
    let sample = String(decoding: bytes, as: UTF8.self)
    try samples.write("--- epoch \(epoch)\n\(sample)\n")
    observer.sampled(sample)
  }

  func runEnded() { observer.runEnded(directory) }
}

extension Vocabulary {
  /// What a sample starts from where the user gives nothing: a new line, or else the commonest character.
  public var defaultPrime: UInt16 {
    let newline = id(of: TextUnit(0x0A))
    return newline != Self.unknown ? newline : UInt16(min(2, count - 1))
  }
}

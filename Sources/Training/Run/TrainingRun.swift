import Logging
import Ranks

/// A whole training run: phases of epochs of steps, a validation and a checkpoint after each epoch.
///
/// Every rank runs it; what only rank 0 does goes through ``RunRecorder``, which the others lack.
public final class TrainingRun {
  private let config: TrainingConfig
  private let world: any World
  private let logger: Logger
  private let trainer: Trainer
  private let recorder: RunRecorder?

  /// A run whose loss could not be kept finite.
  public struct Diverged: Error, CustomStringConvertible {
    public let steps: Int
    public let step: Int
    /// The file with the last good state, nil if none was saved.
    public let checkpoint: String?

    public var description: String {
      "training diverged: expected a finite loss and gradient, found none in \(steps) steps in a row up to "
        + "step \(step); try a lower --lr or --clip-norm 1; "
        + (checkpoint.map { "the last good state is in '\($0)'" } ?? "no good state has been saved")
    }
  }

  /// Reads and distributes the text and sets everything up, for a new run or for one to go on.
  ///
  /// - Parameters:
  ///   - observer: used on rank 0 only.
  ///   - inspectors: of this rank.
  /// - Throws: `AgreedFailure` on all ranks where the user's input is at fault; `RankError`.
  public init(
    _ start: RunStart, _ world: any World, _ observer: any RunObserver, _ logger: Logger,
    inspectors: [any StepInspector] = []
  ) throws {
    let config = start.config
    self.config = config
    self.world = world
    self.logger = logger
    try world.checkStartedAlike(try config.startTraits())
    try world.onAll { try config.check(ranks: world.size) }
    let text = try SharedText(config, world)
    try text.checkTokens(world)
    logger.debug(
      "rank 0 on \(world.host) has read the text; each stream has \(text.split.columns) characters")
    if config.dropout > 0, config.layers == 1 {
      logger.warning("--dropout acts between layers: with one layer it does nothing")
    }
    if let reason = config.reasonAgainstTree(ranks: world.size),
      config.reduce == .auto || config.gemm.backend != .simd
    {
      logger.notice("gradients are added up by MPI, not the same bits on any number of ranks: \(reason)")
    }
    let trainer = try world.onAll { try Trainer(config, text, world) }
    self.trainer = trainer
    trainer.inspectors = inspectors
    if start.resumesRun { try trainer.restore(start.checkpoint, text) }
    recorder = try world.onRoot {
      try RunRecorder(start, ranks: world.size, text.root!, trainer, observer, logger)
    }
  }

  /// Begins to note the phases of every step, on every rank.
  ///
  /// - Throws: `RankError`.
  public func profileSteps() throws -> StepProfile {
    let profile = try StepProfile(world)
    trainer.clock = profile.clock
    return profile
  }

  /// - Throws: `AgreedFailure` on all ranks where the run cannot go on; `RankError`.
  public func run() throws {
    while !trainer.isFinished, !isAtMaximumSteps { try runEpoch() }
    try world.onRoot { recorder?.runEnded() }
  }

  private func runEpoch() throws {
    trainer.beginWhatBegins()
    var seconds = 0.0
    var characters = 0
    while !trainer.isAtEndOfEpoch, !isAtMaximumSteps {
      let clock = ContinuousClock()
      let start = clock.now
      let endsCycle = trainer.nextStepEndsCycle
      let record = try trainer.step(learningRate: trainer.learningRate)
      let stepSeconds = start.duration(to: clock.now) / .seconds(1)
      seconds += stepSeconds
      characters += record.windowLength * config.bs
      if endsCycle { trainer.endCycle() }
      try stepEnded(record, seconds: stepSeconds)
      if endsCycle { try onRootWithStates { try $0.saveCycle(trainer.progress.cycle - 1, $1) } }
    }
    let epoch = trainer.progress.epoch + 1
    if trainer.isAtEndOfEpoch { trainer.endEpoch() }
    try epochEnded(epoch, seconds: seconds, characters: characters)
  }

  private func stepEnded(_ record: Trainer.StepRecord, seconds: Double) throws {
    try recorder?.stepEnded(record, seconds: seconds)
    if !record.isFinite {
      logger.warning("step \(record.step + 1): loss or gradient is not finite, step skipped on all ranks")
      if trainer.progress.skippedInARow >= config.maxSkippedSteps { try stopDiverged() }
    }
    if trainer.progress.step % config.checkEvery == 0 { try trainer.checkRanksAgree() }
    if let every = config.checkpointEvery, trainer.progress.step % every == 0 {
      try onRootWithStates { try $0.saveStep($1) }
    }
  }

  private func epochEnded(_ epoch: Int, seconds: Double, characters: Int) throws {
    try onRootWithStates { recorder, states in
      let validLoss = recorder.validate()
      let isBest = validLoss.map { trainer.noteValidLoss($0) } ?? false
      try recorder.epochEnded(
        epoch, seconds: seconds, characters: characters, validLoss: validLoss, isBest: isBest)
      try recorder.save(states, isBest: isBest)
      try recorder.sample(epoch: epoch)
    }
  }

  /// Skipped steps changed nothing: if the step before them left finite parameters, these are saved as the last good ones.
  private func stopDiverged() throws {
    try onRootWithStates { recorder, states in
      try recorder.save(states, isBest: false)
      throw Diverged(
        steps: config.maxSkippedSteps, step: trainer.progress.step, checkpoint: recorder.lastCheckpoint)
    }
  }

  /// Collects all ranks' hidden states and lets rank 0 save something with them.
  private func onRootWithStates(_ body: (RunRecorder, CollectedStates) throws -> Void) throws {
    // What is written down must be what all ranks have, and have used.
    try trainer.checkRanksAgree()
    let states = try trainer.collectStates()
    try world.onRoot { try body(recorder!, states!) }
  }

  private var isAtMaximumSteps: Bool {
    config.maxSteps.map { trainer.progress.step >= $0 } ?? false
  }
}

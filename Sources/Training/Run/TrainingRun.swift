import CharModel
import Logging
import Ranks
import Storage

/// A whole training run: phases of epochs of steps, a validation after each epoch, checkpoints now and then.
///
/// Every rank runs it; what only rank 0 does goes through a `RunRecorder`, which the others lack.
public final class TrainingRun {
  private let config: TrainingConfig
  private let world: any World
  private let logger: Logger
  private let trainer: Trainer
  private let text: SharedText
  private let validator: Validator
  private let recorder: RunRecorder?
  private let requests: () -> RunRequests
  /// Of this rank, not yet sent to all.
  private var pending: RunRequests = []
  private var hasCalledRoot = false
  private let resumesRun: Bool
  private let epochsOfLastPhase: Int?
  private var work = WorkTimes()
  /// Where the run went back to last.
  private var stepOfLastRewind: Int?

  /// A run whose loss could not be kept finite.
  public struct Diverged: Error, CustomStringConvertible {
    /// Such as `none in 10 steps in a row`.
    let found: String
    public let progress: Progress
    /// The file with the last good state, nil if none was saved.
    public let checkpoint: String?

    public var description: String {
      let rewinds = progress.rewinds == 0 ? "" : ", after going back \(progress.rewinds) times"
      return "training diverged: expected a finite loss, gradient and parameters, found \(found) up to "
        + "step \(progress.step)\(rewinds); try a lower --lr or --clip-norm 1; "
        + (checkpoint.map { "the last good state is in '\($0)'" } ?? "no good state has been saved")
    }
  }

  /// Reads and distributes the text and sets everything up, for a new run or for one to go on.
  ///
  /// - Parameters:
  ///   - start: a new run or one to go on.
  ///   - world: the ranks.
  ///   - observer: used on rank 0 only.
  ///   - logger: of this rank.
  ///   - inspectors: of this rank.
  ///   - requests: what somebody outside has asked of this rank; called at every step, and while this rank validates.
  /// - Throws: `AgreedFailure` on all ranks where the user's input is at fault; `RankError`.
  public init(
    _ start: RunStart, _ world: any World, _ observer: any RunObserver, _ logger: Logger,
    inspectors: [any StepInspector] = [], requests: @escaping () -> RunRequests = { [] }
  ) throws {
    let config = start.config
    self.config = config
    self.world = world
    self.logger = logger
    self.requests = requests
    resumesRun = start.resumesRun
    epochsOfLastPhase = start.resumesRun ? start.epochsOfLastPhase : nil
    world.set(config.stallLimits)
    try world.checkStartedAlike(try config.startTraits())
    try world.onAll { try config.check(ranks: world.size) }
    let text = try SharedText(config, world)
    try text.checkTokens(world)
    self.text = text
    logger.debug("each stream has \(text.split.columns) characters")
    var warnings: [String] = []
    func warn(_ text: String) {
      logger.warning("\(text)")
      warnings.append(text)
    }
    if config.dropout > 0, config.layers == 1 {
      warn("--dropout acts between layers: with one layer it does nothing")
    }
    if let reason = config.reasonAgainstTree(ranks: world.size),
      config.reduce == .auto || config.gemm.backend != .simd
    {
      logger.notice("gradients are added up by MPI, not the same bits on any number of ranks: \(reason)")
    }
    if config.reduce == .mpi, let before = start.ranksBefore, before != world.size {
      logger.notice(
        "--reduce mpi: on \(world.size) ranks not the same bits as on the \(before) that the run had before")
    }
    let processors = Processors().count
    if config.threads > processors {
      warn(
        """
        rank \(world.rank) may use \(processors == 1 ? "1 processor" : "\(processors) processors"), on which its \(config.threads) threads take turns: \
        mpirun gives more with --map-by slot:PE=\(config.threads), or all with --bind-to none
        """)
    }
    let trainer = try world.onAll { try Trainer(config, text, world) }
    self.trainer = trainer
    trainer.inspectors = inspectors
    trainer.clock = PhaseClock()
    if start.hasCheckpoint {
      try trainer.restore(start.checkpoint, text, epochsOfLastPhase: start.epochsOfLastPhase)
    } else {
      try trainer.takeInitialModel(text, logger)
    }
    validator = try Validator(config, text, trainer, world)
    let placement = try Placement.gather(world)
    recorder = try world.onRoot("making the run's directory") {
      try RunRecorder(start, placement!, text.root!, trainer, observer, logger, warnings: warnings)
    }
    logger.info(
      "has streams \(trainer.streams.streams), may use processors \(Placement(of: world).processors)")
  }

  /// Begins to note the phases of every step, on every rank.
  ///
  /// - Throws: `RankError`.
  public func profileSteps() throws -> StepProfile {
    let profile = try StepProfile(world)
    trainer.clock = profile.clock
    return profile
  }

  /// Why a run ended.
  public enum Ending: Sendable {
    /// All phases are over.
    case finished
    /// Of `--max-steps`.
    case maximumSteps
    /// Somebody asked for it.
    case request
  }

  /// - Throws: `AgreedFailure` on all ranks where the run cannot go on; `RankError`.
  @discardableResult
  public func run() throws -> Ending {
    trainer.requests = { [unowned self] in
      defer { pending.remove(.save) }
      return (recorder?.requests ?? []).union(takeRequests())
    }
    world.whileWaiting { [unowned self] in
      // Rank 0 may be at work for long.
      if !world.isRoot, takeRequests().contains(.stop), !hasCalledRoot {
        hasCalledRoot = true
        world.callRoot()
      }
    }
    defer {
      trainer.requests = { [] }
      world.whileWaiting {}
    }
    // So that there is something to go back to from the first step on, and that a run that goes on has noted with what options, and where.
    if trainer.progress.step == 0 || resumesRun { try save { _ in ["last"] } }
    if resumesRun, trainer.isFinished, trainer.progress.epochToValidate == nil {
      let hint =
        config.phases.last?.schedule == .oneCycle
        ? "" : ": a larger --epochs goes on (that of its last phase)"
      logger.notice("all \(config.epochs) epochs of the run are over\(hint)")
    } else if resumesRun, isAtMaximumSteps {
      logger.notice("the run has made \(trainer.progress.step) steps already: --max-steps asks for no more")
    }
    var ending: Ending?
    while ending == nil {
      if let epoch = trainer.progress.epochToValidate {
        ending = try validate(epoch)
      } else if trainer.isFinished {
        ending = .finished
      } else if isAtMaximumSteps {
        ending = .maximumSteps
      } else {
        ending = try runEpoch()
      }
    }
    try world.onRoot("writing the last checkpoint") { try recorder!.runEnded(ending!) }
    logger.info("ended after step \(trainer.progress.step)")
    return ending!
  }

  /// - Returns: how the run ends, nil where it goes on.
  private func runEpoch() throws -> Ending? {
    trainer.beginWhatBegins()
    while !trainer.isAtEndOfEpoch, !isAtMaximumSteps {
      let record = try step()
      if trainer.progress.skippedInARow >= config.maxSkipped { return try goBack() }
      if record.requests.contains(.stop) {
        if trainer.isAtEndOfEpoch { trainer.endEpoch() }
        try save { _ in ["last"] }
        return .request
      }
      if record.requests.contains(.save) {
        // Not in the middle of what may have to be gone back from.
        if record.isFinite { try save { [$0.stepName, "last"] } } else { pending.insert(.save) }
      }
    }
    noteWork()
    if trainer.isAtEndOfEpoch {
      trainer.endEpoch()
    } else {
      trainer.progress.epochToValidate = trainer.progress.epoch + 1
    }
    return nil
  }

  /// Logs what this rank has done in the epoch at hand.
  private func noteWork() {
    guard let clock = trainer.clock else { return }
    work.noteEpoch(clock)
    logger.info("epoch \(trainer.progress.epoch + 1), up to step \(trainer.progress.step): \(work.summary)")
  }

  private func step() throws -> Trainer.StepRecord {
    let clock = ContinuousClock()
    let start = clock.now
    let endsCycle = trainer.nextStepEndsCycle
    let record = try trainer.step(learningRate: trainer.learningRate)
    let seconds = start.duration(to: clock.now) / .seconds(1)
    trainer.progress.secondsInEpoch += seconds
    trainer.progress.charactersInEpoch += record.windowLength * config.bs
    if endsCycle { trainer.endCycle() }
    try recorder?.stepEnded(record, seconds: seconds)
    if !record.isFinite {
      logger.warning("step \(record.step + 1): loss or gradient is not finite, step skipped on all ranks")
    }
    if trainer.progress.step % config.checkEvery == 0 {
      try trainer.checkRanksAgree()
      if let clock = trainer.clock, let balance = try work.compareRanks(clock, world) {
        recorder?.ranksCompared(balance)
      }
    }
    if endsCycle { try save { [$0.cycleName, "last"] } }
    return record
  }

  /// What follows an epoch. A request to stop that comes meanwhile interrupts the validation: the run that goes on later begins with it.
  private func validate(_ epoch: Int) throws -> Ending? {
    // What is validated: each rank has that of the elements that it moves.
    try trainer.makeWhole()
    let validation = try validator.validate(
      { recorder!.validationAdvanced(fraction: $0, of: $1) },
      isStopping: { world.attend() || takeRequests().contains(.stop) })
    guard let validation else {
      try save { _ in ["last"] }
      return .request
    }
    let phases = try work.gatherEpoch(world)
    if config.histograms {
      let histograms = try trainer.histograms()
      recorder?.histogramsCollected(histograms)
    }
    trainer.progress.epochToValidate = nil
    // Where --max-steps ends the run within an epoch, one that goes on must not know of it: without the stop it would not have been validated there.
    let isWithinEpoch = epoch > trainer.progress.epoch
    let isBest =
      validation.loss.map { isWithinEpoch ? trainer.isBest($0) : trainer.noteValidLoss($0) } ?? false
    if isWithinEpoch, isBest { try recorder?.checkpoints.setBestAside() }
    try recorder?.epochEnded(epoch, validation, phases: phases, isBest: isBest)
    // In this order: a `last` that knows of a best one is not there before it.
    try save { _ in isBest ? ["best", "last"] : ["last"] }
    try recorder?.sample(epoch: epoch) { world.attend() || takeRequests().contains(.stop) }
    return nil
  }

  private func takeRequests() -> RunRequests {
    pending.formUnion(requests())
    return pending
  }

  /// Takes up the last good checkpoint with a lower rate, after too many steps that were not finite.
  private func goBack() throws -> Ending? {
    let before = trainer.progress
    guard before.rewinds < config.maxRewinds else { return try stopDiverged() }
    // Where nothing good came after the last time, that was not far enough.
    let isNoBetter = stepOfLastRewind.map { before.step <= $0 + config.maxSkipped } ?? false
    let limit = isNoBetter ? stepOfLastRewind! : .max
    let checkpoint =
      try world.onRoot("looking for the last good checkpoint") {
        try recorder!.checkpoints.lastGood(before: limit)
      } ?? nil
    guard try world.broadcast(checkpoint != nil) else { return try stopDiverged() }
    try trainer.restore(checkpoint, text, epochsOfLastPhase: epochsOfLastPhase)
    if let clock = trainer.clock { work.discard(clock) }
    stepOfLastRewind = trainer.progress.step
    trainer.progress.rewinds = before.rewinds + 1
    trainer.progress.rateFactor = before.rateFactor * Self.rateFactorOfRewind
    trainer.progress.restarts = before.restarts
    // The `best` there is may be of later than where the run goes on.
    trainer.progress.bestValidLoss = before.bestValidLoss
    trainer.progress.skippedBeforeRewinds =
      before.skippedBeforeRewinds + before.skippedSteps - trainer.progress.skippedSteps
    try world.onRoot("going back") { try recorder!.rewound(fromStep: before.step) }
    // A run that goes on from here takes up this one, not those of later steps.
    try save { _ in ["last"] }
    return nil
  }

  private static let rateFactorOfRewind = 0.5

  private func stopDiverged() throws -> Ending? {
    _ = try world.onRoot("writing the last checkpoint") {
      try recorder!.runDiverged()
      throw Diverged(
        found: "none in \(config.maxSkipped) steps in a row", progress: trainer.progress,
        checkpoint: recorder!.checkpoints.last)
    }
    return nil
  }

  /// Lets rank 0 begin to write a checkpoint of all ranks' states.
  ///
  /// - Parameter names: what it is to be called; asked on rank 0.
  private func save(_ names: (RunCheckpoints) -> [String]) throws {
    let start = ContinuousClock().now
    // What is written down must be what all ranks have, and have used.
    try trainer.checkRanksAgree()
    let states = try trainer.collectStates()
    try world.onRoot("writing a checkpoint") {
      let checkpoints = recorder!.checkpoints
      try checkpoints.save(names(checkpoints), states!, since: start)
    }
  }

  private var isAtMaximumSteps: Bool {
    config.maxSteps.map { trainer.progress.step >= $0 } ?? false
  }
}

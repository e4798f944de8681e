import CharModel
import Kernels
import Ranks
import Text

/// One rank's part of the training: its streams, their hidden state, and its copy of the parameters.
///
/// Everything that a step needs is made once, here. All ranks make the same calls in the same order.
public final class Trainer {
  public let config: TrainingConfig
  public let model: ModelConfig
  public let parameters: ParameterSet
  public let adam: Adam
  /// Nil where the run averages nothing. A rank has that of the parameters that it moves, until ``collectStates()``.
  public let average: WeightAverage?
  /// `[L, B, H]` of this rank's streams.
  public let state: HiddenState
  public internal(set) var progress = Progress()
  /// Told which phase begins, where somebody measures.
  public var clock: PhaseClock? { didSet { pass.clock = clock } }

  /// Called at every step.
  public var inspectors: [any StepInspector] = []
  /// What this rank asks of the run, asked at every step.
  var requests: () -> RunRequests = { [] }
  /// Over the bits of the parameters that each step so far has used.
  private(set) var usedParametersHash: UInt64 = 0

  let world: any World
  let streams: TextStreams
  private let phases: [Phase]
  private let lengths: WindowLengths
  private let random: RandomSource
  let reduction: any GradientReduction
  let compute: Compute
  let pass: WindowPass
  private(set) var window: TextWindow

  /// What one step did. Losses are means over all characters of the global batch.
  public struct StepRecord: Equatable, Sendable {
    /// From 0.
    public let step: Int
    /// T.
    public let windowLength: Int
    /// In nats per character.
    public let loss: Double
    /// Before clipping.
    public let gradientNorm: Double
    public let learningRate: Double
    /// Whether loss and gradient were finite, so that the parameters moved.
    public let isFinite: Bool
    /// What any rank has asked of the run.
    public let requests: RunRequests
  }

  /// - Throws: `ModelConfigError`, or ``MemoryError``.
  public init(_ config: TrainingConfig, _ text: SharedText, _ world: any World) throws {
    self.config = config
    self.world = world
    phases = config.phases
    streams = text.streams
    model = try config.modelConfig(vocabulary: text.vocabularyCount)
    let lengths = WindowLengths(
      nominal: config.bptt, jitter: config.bpttJitter, random: RandomSource(seed: config.seed))
    let longest = min(lengths.longest, streams.columns - 1)
    // Parameters, gradient and moments; the weights packed for forward and backward; what the ranks give each other; the
    // average.
    var copies = (world.size == 1 ? 6 : 7) + (config.averageDecay == nil ? 0 : 1)
    // The snapshot from which a checkpoint is written.
    if world.isRoot { copies += config.averageDecay == nil ? 3 : 4 }
    try model.requireMemory(copies: copies, streams: streams.count, length: longest)
    self.lengths = lengths
    random = RandomSource(seed: config.seed)
    parameters = ParameterSet(model)
    parameters.initialise(random)
    reduction = makeReduction(config, model, world)
    let compute = Compute(config.gemm.backend, threads: config.threads)
    self.compute = compute
    adam = Adam(model, weightDecay: config.weightDecay, decoupled: config.decoupledWeightDecay)
    average = config.averageDecay.map { [model] in WeightAverage(model, decay: $0) }
    state = HiddenState(model, streams: streams.count)
    pass = WindowPass(
      parameters, streams: streams.count, capacity: longest,
      depth: reduction.parts.map(\.tree.depth).max()!, dropout: config.allDropout, compute)
    window = TextWindow(capacity: longest * streams.count)
    if let root = text.root { progress.text = root.fingerprint }
  }

  deinit { compute.team.end() }

  /// One window of every stream: forward, backward, combined over all ranks, and Adam's step.
  ///
  /// - Throws: `RankError`, or what an inspector throws.
  public func step(learningRate: Double) throws -> StepRecord {
    try withoutSubnormals { try makeStep(learningRate) }
  }

  private func makeStep(_ learningRate: Double) throws -> StepRecord {
    clock?.enter(.text)
    let length = readNextWindow()
    for inspector in inspectors { try inspector.stepBegins(self) }
    _ = pass.forward(window.inputs, state: state, dropout: dropoutSite)
    usedParametersHash = usedParametersHash &* 31 &+ pass.checksum
    for inspector in inspectors { try inspector.forwardEnded(self) }
    try pass.backward(
      window.inputs, window.targets, scale: 1 / Float(config.bs * length), into: reduction.parts,
      reached: reduction.reached)
    clock?.enter(.reduce)
    let record = try combine(length, learningRate)
    for inspector in inspectors { try inspector.gradientCombined(self) }
    if record.isFinite { try update(record) }
    clock?.stop()
    advance(past: record)
    for inspector in inspectors { try inspector.stepEnded(self, record) }
    return record
  }

  /// How much of this epoch's text is used up.
  public var epochFraction: Double { Double(progress.cursor) / Double(streams.columns - 1) }

  /// Whether the text is used up.
  public var isAtEndOfEpoch: Bool {
    if let limit = lengths.maximumStepsPerEpoch(columns: streams.columns), progress.stepInEpoch >= limit {
      return true
    }
    return progress.cursor >= streams.columns - 1
  }

  /// Whether all phases are over.
  public var isFinished: Bool { progress.phase == phases.count }

  /// The learning rate of the next step.
  public var learningRate: Double { scheduledRate * progress.rateFactor }

  private var scheduledRate: Double {
    phases[progress.phase].schedule.rate(base: progress.baseRate, at: position)
  }

  /// Whether the next step is the last of a cycle of the schedule.
  public var nextStepEndsCycle: Bool { phases[progress.phase].schedule.endsCycle(at: position) }

  /// Starts a phase or an epoch, where the next step is its first.
  public func beginWhatBegins() {
    if progress.stepInPhase == 0 {
      let phase = phases[progress.phase]
      if phase.adam == .fresh { adam.reset() }
      progress.baseRate = phase.lr ?? progress.carriedRate
      progress.smoothedLoss = SmoothedLoss()
    }
    if progress.stepInEpoch == 0 {
      progress.secondsInEpoch = 0
      progress.charactersInEpoch = 0
      if !config.carryStateAcrossEpochs { state.reset() }
    }
  }

  /// Goes back to the start of the text in the middle of an epoch.
  func restartText() {
    progress.cursor = 0
    progress.stepInEpoch = 0
    beginWhatBegins()
  }

  /// The windows of nominal length in an epoch.
  public var nominalStepsPerEpoch: Int { lengths.nominalStepsPerEpoch(columns: streams.columns) }

  /// The model that this training has made so far: the average where there is one.
  public var trained: ParameterSet { average?.parameters ?? parameters }

  /// Notes the end of a cycle.
  public func endCycle() { progress.cycle += 1 }

  /// Notes the end of an epoch, and of its phase where that was its last; the text starts again.
  public func endEpoch() {
    progress.epoch += 1
    progress.epochToValidate = progress.epoch
    progress.epochInPhase += 1
    progress.cursor = 0
    progress.stepInEpoch = 0
    if progress.epochInPhase == phases[progress.phase].epochs {
      progress.carriedRate = scheduledRate
      progress.phase += 1
      progress.epochInPhase = 0
      progress.stepsOfLastPhase = progress.stepInPhase
      progress.stepInPhase = 0
    }
  }

  private var position: Schedule.Position {
    Schedule.Position(
      step: progress.stepInPhase,
      fraction: (Double(progress.epochInPhase) + epochFraction) / Double(phases[progress.phase].epochs),
      nominalStepsPerEpoch: nominalStepsPerEpoch)
  }

  /// - Returns: whether it is the lowest so far.
  public func noteValidLoss(_ loss: Double) -> Bool {
    guard isBest(loss) else { return false }
    progress.bestValidLoss = loss
    return true
  }

  /// Whether a validation loss would be the lowest so far.
  public func isBest(_ loss: Double) -> Bool {
    loss < progress.bestValidLoss ?? .infinity
  }
}

// MARK: - The parts of a step

extension Trainer {
  /// Reads the next window and returns its length, T.
  func readNextWindow() -> Int {
    let left = streams.columns - 1 - progress.cursor
    let length = lengths.length(step: progress.step, left: left)
    streams.read(&window, column: progress.cursor, length: length)
    return length
  }

  private var dropoutSite: DropoutSite? {
    guard config.allDropout != .none else { return nil }
    return DropoutSite(random: random, step: progress.step, firstStream: streams.streams.lowerBound)
  }

  /// Adds up gradient and loss over all ranks. Each rank's gradient is scaled by the global batch already, so
  /// that the sum is the mean over all its characters however unequal the shards.
  private func combine(_ length: Int, _ learningRate: Double) throws -> StepRecord {
    let sums = try reduction.combine({ pass.loss(ofStreams: $0, length: length) }, requests())
    let loss = sums.loss / Double(config.bs * length)
    return StepRecord(
      step: progress.step, windowLength: length, loss: loss, gradientNorm: sums.gradientNorm,
      learningRate: learningRate, isFinite: loss.isFinite && sums.gradientNorm.isFinite,
      requests: sums.requests)
  }

  /// Adam's step on the elements that are this rank's to move, which then go to all.
  private func update(_ record: StepRecord) throws {
    let scale = config.clipNorm.map { Adam.clippingScale(norm: record.gradientNorm, limit: $0) } ?? 1
    clock?.enter(.optimizer)
    adam.step(
      parameters, reduction.gradient, in: reduction.ownElements, learningRate: record.learningRate,
      gradientScale: scale, compute.team)
    let updates = progress.step + 1 - progress.skippedSteps
    for range in reduction.ownElements { average?.add(parameters, count: updates, in: range, compute.team) }
    clock?.enter(.reduce)
    try reduction.share(parameters.flat)
  }

  private func advance(past record: StepRecord) {
    progress.step += 1
    progress.stepInPhase += 1
    progress.stepInEpoch += 1
    progress.cursor += record.windowLength
    progress.adamStep = adam.stepCount
    if record.isFinite {
      progress.smoothedLoss.add(record.loss)
      progress.skippedInARow = 0
    } else {
      progress.skippedSteps += 1
      progress.skippedInARow += 1
      // What made the loss infinite may be in the state, and would come back with it.
      state.reset()
    }
  }
}

import ArgumentParser
import Training

struct OptimizationOptions: ParsableArguments {
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Parallel text streams, over all ranks, at least one for each, at most \(TrainingConfig.maximumStreams). Default: \(standard.bs).",
      valueName: "n"
    ),
    transform: Number.whole)
  var bs: Int?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Characters of each stream that one step trains on, 1 to \(WindowLengths.maximumNominal). Default: \(standard.bptt).",
      valueName: "n"),
    transform: Number.whole)
  var bptt: Int?

  @Flag(
    inversion: .prefixedNo,
    help:
      "Draw each step's length at random around --bptt, as fast.ai's notebook on stateful models does (at least 5, deviation 5). Default: no."
  )
  var bpttJitter: Bool?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Passes over the text, 1 to \(Phase.maximumEpochs), in one phase. Default with --lr or --schedule: those of the first phase of --preset or --config, else \(Phase.standard[0].epochs); without: \(standardPhases).",
      valueName: "n"),
    transform: Number.whole)
  var epochs: Int?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Adam's learning rate, above 0. Default with --epochs or --schedule: that of the first phase of --preset or --config, else \(Phase.standard[0].lr!).",
      valueName: "rate"),
    transform: Number.real)
  var lr: Double?

  @Option(
    help: ArgumentHelp(
      "How the rate changes: \(ScheduleSettings.Name.allCases.map(\.rawValue).joined(separator: ", ")). Default: that of the first phase of --preset or --config, else constant.",
      valueName: "name"),
    completion: Choice.names(ScheduleSettings.Name.self), transform: Choice.of(ScheduleSettings.Name.self))
  var schedule: ScheduleSettings.Name?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "With schedule cosine: epochs of the first cycle, at least 1. Default: likewise, else 1.",
      valueName: "n"),
    transform: Number.whole)
  var cycleLength: Int?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "With schedule cosine: how many times as long each further cycle is, at least 1. Default: likewise, else 1.",
      valueName: "n"),
    transform: Number.whole)
  var cycleMult: Int?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "With schedule warmup, which needs it: steps of the way up, at least 1.", valueName: "n"),
    transform: Number.whole)
  var warmupSteps: Int?

  @Option(
    help: ArgumentHelp(
      "A phase of training; may be given several times, instead of --epochs, --lr and --schedule. Also: schedule, cycle-length, "
        + "cycle-mult, warmup-steps; adam=keep (the default) or adam=fresh for Adam's moments; lr=carried to go on with the "
        + "rate at which the phase before ended. Values as of those options. Default: one phase of those options, or as said there.",
      valueName: "epochs=N,lr=RATE,..."),
    transform: PhaseArgument.parse)
  var phase: [Phase] = []

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Weight decay, added to the gradient (L2), at least 0. Default: \(standard.weightDecay).",
      valueName: "rate"),
    transform: Number.real)
  var weightDecay: Double?

  @Flag(
    inversion: .prefixedNo, help: "Take --weight-decay as AdamW does, apart from the gradient. Default: no.")
  var decoupledWeightDecay: Bool?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Validate, sample and keep an average of the parameters over the steps, of which this part, above 0 and below 1, remains at each step, such as 0.999. Default: none.",
      valueName: "part"),
    transform: Number.real)
  var averageDecay: Double?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Scale the gradient down to this norm, above 0, where it is larger. Default: never.", valueName: "norm"),
    transform: Number.real)
  var clipNorm: Double?

  @Flag(
    inversion: .prefixedNo, help: "Do not set the hidden state to zero at the start of an epoch. Default: no."
  )
  var carryStateAcrossEpochs: Bool?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Of all random numbers: initial weights, dropout, window lengths, samples; a whole number from 0. Default: \(standard.seed).",
      valueName: "n"), transform: Number.seed)
  var seed: UInt64?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Stop after this many steps, at least 1. Default: when all epochs are over.", valueName: "n"),
    transform: Number.whole)
  var maxSteps: Int?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "After so many skipped steps in a row, at least 1 (loss or gradient not finite), go back to the last good checkpoint with half the rate. Default: \(standard.maxSkipped).",
      valueName: "n"), transform: Number.whole)
  var maxSkipped: Int?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Stop where it would have to go back more often than this, at least 0. Default: \(standard.maxRewinds).",
      valueName: "n"),
    transform: Number.whole)
  var maxRewinds: Int?

  private static let standard = TrainingConfig()
  private static let standardPhases = Phase.standard.map { "\($0.epochs) at \($0.lr!)" }
    .joined(separator: ", then ")

  func validate() throws {
    let given = [
      ("--epochs", epochs != nil), ("--lr", lr != nil), ("--schedule", schedule != nil),
      ("--cycle-length", cycleLength != nil), ("--cycle-mult", cycleMult != nil),
      ("--warmup-steps", warmupSteps != nil),
    ].filter(\.1).map(\.0)
    if !phase.isEmpty, let first = given.first {
      throw ValidationError("\(first) cannot be used with --phase: expected one way to say it")
    }
  }

  func apply(to config: inout TrainingConfig) throws {
    config.bs = bs ?? config.bs
    config.bptt = bptt ?? config.bptt
    config.bpttJitter = bpttJitter ?? config.bpttJitter
    if !phase.isEmpty {
      config.phases = phase
    } else if !short.isEmpty {
      config.phases = [try short.filled(from: config.phases.first ?? Phase.standard[0])]
    }
    config.weightDecay = weightDecay ?? config.weightDecay
    config.decoupledWeightDecay = decoupledWeightDecay ?? config.decoupledWeightDecay
    config.averageDecay = averageDecay ?? config.averageDecay
    config.clipNorm = clipNorm ?? config.clipNorm
    config.carryStateAcrossEpochs = carryStateAcrossEpochs ?? config.carryStateAcrossEpochs
    config.seed = seed ?? config.seed
    config.maxSteps = maxSteps ?? config.maxSteps
    config.maxSkipped = maxSkipped ?? config.maxSkipped
    config.maxRewinds = maxRewinds ?? config.maxRewinds
  }

  private var short: ShortPhase {
    var short = ShortPhase()
    short.epochs = epochs
    short.lr = lr
    short.schedule.schedule = schedule
    short.schedule.cycleLength = cycleLength
    short.schedule.cycleMult = cycleMult
    short.schedule.warmupSteps = warmupSteps
    return short
  }
}

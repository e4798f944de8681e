import ArgumentParser
import Training

/// How long a run trains, and at which rates.
struct ScheduleOptions: ParsableArguments {
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
    if !phase.isEmpty {
      config.phases = phase
    } else if !short.isEmpty {
      config.phases = [try short.filled(from: config.phases.first ?? Phase.standard[0])]
    }
    applyEnds(to: &config)
  }

  /// The same for a run that goes on, whose phases stay: epochs are those of its last.
  func applyGoingOn(to config: inout TrainingConfig) throws {
    guard let epochs, short.hasOnlyEpochs else { return try apply(to: &config) }
    config.phases[config.phases.count - 1].epochs = epochs
    applyEnds(to: &config)
  }

  private func applyEnds(to config: inout TrainingConfig) {
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

import ArgumentParser
import Training

struct OptimizationOptions: ParsableArguments {
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Parallel text streams, over all ranks. Default: \(standard.bs).", valueName: "n"),
    transform: Number.whole)
  var bs: Int?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Characters of each stream that one step trains on. Default: \(standard.bptt).", valueName: "n"),
    transform: Number.whole)
  var bptt: Int?

  @Flag(
    help: "Draw each step's length at random around --bptt, as the notebook does (at least 5, deviation 5).")
  var bpttJitter = false

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Passes over the text, in one phase. Default without --lr: \(standardPhases).", valueName: "n"),
    transform: Number.whole)
  var epochs: Int?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Adam's learning rate. Default: \(Phase.standard[0].lr).", valueName: "rate"),
    transform: Number.real)
  var lr: Double?

  @Option(
    help: ArgumentHelp(
      "A phase of training; may be given several times, instead of --epochs and --lr. "
        + "'adam' says whether it keeps Adam's moments (keep, the default) or starts them afresh (fresh).",
      valueName: "epochs=N,lr=RATE[,adam=keep|fresh]"),
    transform: PhaseArgument.parse)
  var phase: [Phase] = []

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Weight decay, added to the gradient (L2). Default: \(standard.weightDecay).", valueName: "rate"),
    transform: Number.real)
  var weightDecay: Double?

  @Flag(help: "Take --weight-decay as AdamW does, apart from the gradient.")
  var decoupledWeightDecay = false

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Scale the gradient down to this norm where it is larger.", valueName: "norm"),
    transform: Number.real)
  var clipNorm: Double?

  @Flag(help: "Do not set the hidden state to zero at the start of an epoch.")
  var carryStateAcrossEpochs = false

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Of all random numbers: initial weights, dropout, window lengths, samples. Default: \(standard.seed).",
      valueName: "n"), transform: Number.seed)
  var seed: UInt64?

  @Option(
    parsing: .unconditional, help: ArgumentHelp("Stop after this many steps.", valueName: "n"),
    transform: Number.whole)
  var maxSteps: Int?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Stop after so many skipped steps in a row (loss or gradient not finite). Default: \(standard.maxSkippedSteps).",
      valueName: "n"), transform: Number.whole)
  var maxSkippedSteps: Int?

  private static let standard = TrainingConfig()
  private static let standardPhases = Phase.standard.map { "\($0.epochs) at \($0.lr)" }
    .joined(separator: ", then ")

  func validate() throws {
    if !phase.isEmpty, epochs != nil || lr != nil {
      throw ValidationError(
        "--epochs and --lr cannot be used with --phase: expected one way to say it")
    }
    if decoupledWeightDecay, weightDecay == nil {
      throw ValidationError("--decoupled-weight-decay needs --weight-decay")
    }
  }

  func apply(to config: inout TrainingConfig) {
    config.bs = bs ?? config.bs
    config.bptt = bptt ?? config.bptt
    config.bpttJitter = bpttJitter || config.bpttJitter
    if !phase.isEmpty {
      config.setPhases(phase)
    } else if epochs != nil || lr != nil {
      let standard = config.phases[0]
      config.setSinglePhase(epochs: epochs ?? standard.epochs, lr: lr ?? standard.lr)
    }
    config.weightDecay = weightDecay ?? config.weightDecay
    config.decoupledWeightDecay = decoupledWeightDecay || config.decoupledWeightDecay
    config.clipNorm = clipNorm ?? config.clipNorm
    config.carryStateAcrossEpochs = carryStateAcrossEpochs || config.carryStateAcrossEpochs
    config.seed = seed ?? config.seed
    config.maxSteps = maxSteps ?? config.maxSteps
    config.maxSkippedSteps = maxSkippedSteps ?? config.maxSkippedSteps
  }
}

/// `--phase epochs=6,lr=1e-3,adam=fresh`.
enum PhaseArgument {
  private static let keys = ["epochs", "lr", "adam"]

  @Sendable static func parse(_ text: String) throws -> Phase {
    var values: [String: String] = [:]
    for item in text.split(separator: ",", omittingEmptySubsequences: false) {
      let parts = item.split(separator: "=", maxSplits: 1).map(String.init)
      guard parts.count == 2 else {
        throw ValidationError("expected key=value, found '\(item)'")
      }
      guard keys.contains(parts[0]) else { throw Choice.unknown(parts[0], keys) }
      guard values.updateValue(parts[1], forKey: parts[0]) == nil else {
        throw ValidationError("expected '\(parts[0])' once, found it twice")
      }
    }
    guard let epochs = values["epochs"].flatMap({ Int($0) }) else {
      throw ValidationError("expected epochs=N with a whole number")
    }
    guard let lr = values["lr"].flatMap({ Double($0) }) else {
      throw ValidationError("expected lr=RATE with a number")
    }
    let adam = try values["adam"].map { try Choice.of(Phase.Moments.self)($0) } ?? .keep
    return Phase(epochs: epochs, lr: lr, adam: adam)
  }
}

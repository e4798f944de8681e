import ArgumentParser
import Training

/// What a step does with its gradient, and of which text.
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

  private static let standard = TrainingConfig()

  func apply(to config: inout TrainingConfig) {
    config.bs = bs ?? config.bs
    config.bptt = bptt ?? config.bptt
    config.bpttJitter = bpttJitter ?? config.bpttJitter
    config.weightDecay = weightDecay ?? config.weightDecay
    config.decoupledWeightDecay = decoupledWeightDecay ?? config.decoupledWeightDecay
    config.averageDecay = averageDecay ?? config.averageDecay
    config.clipNorm = clipNorm ?? config.clipNorm
    config.carryStateAcrossEpochs = carryStateAcrossEpochs ?? config.carryStateAcrossEpochs
    config.seed = seed ?? config.seed
  }
}

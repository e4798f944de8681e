import ArgumentParser
import Training

/// How ranks share the work, and how they watch each other.
struct RankOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "How gradients are added up: 'tree', the same bits on any number of ranks that divides --blocks; 'mpi', MPI's own sum; "
        + "or 'auto', the tree where it can be. Default: \(standard.reduce).",
      valueName: "way"),
    completion: Choice.names(ReduceMode.self), transform: Choice.of(ReduceMode.self))
  var reduce: ReduceMode?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "With the tree: groups of streams, which ranks hold whole, 1 to \(TrainingConfig.maximumBlocks). Default: \(standard.blocks).",
      valueName: "n"
    ),
    transform: Number.whole)
  var blocks: Int?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Threads of each rank, 1 to 1024, for hosts with more cores than ranks. Default: \(standard.threads).",
      valueName: "n"),
    transform: Number.whole)
  var threads: Int?

  @Option(
    help: ArgumentHelp(
      "What multiplies matrices: 'simd', this program's own kernels; 'openblas', whose bits depend on host and ranks; or 'auto', the faster one. Default: \(standard.gemm).",
      valueName: "way"),
    completion: Choice.names(Gemm.self), transform: Choice.of(Gemm.self))
  var gemm: Gemm?

  @Option(
    name: .customLong("validate"),
    help: ArgumentHelp(
      "Who validates after each epoch: 'rank0', while the other ranks wait; 'all', with the same result; or 'none'. Default: \(standard.validate).",
      valueName: "who"),
    completion: Choice.names(ValidationMode.self), transform: Choice.of(ValidationMode.self))
  var validation: ValidationMode?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Every so many steps, at least 1, check that all ranks hold and have used the same parameters, bit by bit. Default: \(standard.checkEvery).",
      valueName: "steps"),
    transform: Number.whole)
  var checkEvery: Int?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Name the ranks that let the others wait for so long without a sign of life, above 0. Default: \(fixed(standard.stallWarning, 0)).",
      valueName: "seconds"),
    transform: Number.real)
  var stallWarning: Double?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "End the run where they do for so long, at least --stall-warning. Default: \(fixed(standard.stallTimeout, 0)).",
      valueName: "seconds"),
    transform: Number.real)
  var stallTimeout: Double?

  /// For the launchers, which place ranks by these: says them, and does nothing else.
  @Flag(help: .hidden)
  var printPlacement = false

  private static let standard = TrainingConfig()

  /// Threads and blocks, which may come from a preset, a config file or an earlier run.
  func placement(_ config: TrainingConfig) -> String { "\(config.threads) \(config.blocks)" }

  func apply(to config: inout TrainingConfig) {
    config.reduce = reduce ?? config.reduce
    config.blocks = blocks ?? config.blocks
    config.threads = threads ?? config.threads
    config.gemm = gemm ?? config.gemm
    config.validate = validation ?? config.validate
    config.checkEvery = checkEvery ?? config.checkEvery
    config.stallWarning = stallWarning ?? config.stallWarning
    config.stallTimeout = stallTimeout ?? config.stallTimeout
  }
}

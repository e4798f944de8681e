import ArgumentParser
import Storage
import Training

struct RunOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Directory for the run's files; must not hold a run already. Default: runs/<date-time>, or that of --resume.",
      valueName: "path"), completion: .directory)
  var runDir: String?

  @Option(
    help: ArgumentHelp(
      "Directory on each rank's host for a log of it, rank-K.log: what it does, and where its time goes. Default: none.",
      valueName: "path"), completion: .directory)
  var logDir: String?

  @Flag(
    inversion: .prefixedNo,
    help:
      "Write an event file for TensorBoard into the run's directory: losses, rate, speed, phases, samples, options. Default: no."
  )
  var tensorboard: Bool?

  @Flag(
    inversion: .prefixedNo,
    help: "With --tensorboard: also histograms of all weights and gradients after each epoch. Default: no.")
  var histograms: Bool?

  @Option(
    help: ArgumentHelp(
      "Go on with the run in this directory from its last good checkpoint, on any number of ranks, with its options; --epochs may be another number. Default: none, a new run.",
      valueName: "run-dir"), completion: .directory)
  var resume: String?

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
      "Characters of the sample shown after each epoch, up to 1000000; 0 for none. Default: \(standard.sampleLength).",
      valueName: "n"), transform: Number.whole)
  var sampleLength: Int?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Also write a checkpoint step-K within epochs, every so many steps (500), at least 1, or minutes (10m), above 0. Default: \(standard.checkpointEvery.text).",
      valueName: "interval"), transform: Choice.checkpointInterval)
  var checkpointEvery: CheckpointInterval?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "How many step-K checkpoints to keep, at least 1. Default: \(standard.keep).", valueName: "n"),
    transform: Number.whole)
  var keep: Int?

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
    help: ArgumentHelp(
      "What multiplies matrices: 'simd', this program's own kernels; 'openblas', whose bits depend on host and ranks; or 'auto', the faster one. Default: \(standard.gemm).",
      valueName: "way"),
    completion: Choice.names(Gemm.self), transform: Choice.of(Gemm.self))
  var gemm: Gemm?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Threads of each rank, 1 to 1024, for hosts with more cores than ranks. Default: \(standard.threads).",
      valueName: "n"),
    transform: Number.whole)
  var threads: Int?

  @Flag(inversion: .prefixedNo, help: "Print nothing but warnings and errors. Default: no.")
  var quiet: Bool?

  @Flag(inversion: .prefixedNo, help: "Print more about what happens. Default: no.")
  var verbose: Bool?

  private static let standard = TrainingConfig()

  func validate() throws {
    if quiet == true, verbose == true {
      throw ValidationError("--quiet cannot be used with --verbose: expected one of them")
    }
  }

  /// That of the run to go on with, if it can be read and its values hold.
  var savedConfig: TrainingConfig? {
    guard let resume, case .file = kind(of: resume + "/config.json"),
      let config = try? TrainingConfig(file: resume + "/config.json"), (try? config.checkValues()) != nil
    else { return nil }
    return config
  }

  func apply(to config: inout TrainingConfig) {
    config.runDir = runDir ?? config.runDir
    config.logDir = logDir ?? config.logDir
    config.tensorboard = tensorboard ?? config.tensorboard
    config.histograms = histograms ?? config.histograms
    config.validate = validation ?? config.validate
    config.quiet = quiet ?? config.quiet
    config.verbose = verbose ?? config.verbose
    config.sampleLength = sampleLength ?? config.sampleLength
    config.checkpointEvery = checkpointEvery ?? config.checkpointEvery
    config.keep = keep ?? config.keep
    config.checkEvery = checkEvery ?? config.checkEvery
    config.stallWarning = stallWarning ?? config.stallWarning
    config.stallTimeout = stallTimeout ?? config.stallTimeout
    config.reduce = reduce ?? config.reduce
    config.blocks = blocks ?? config.blocks
    config.gemm = gemm ?? config.gemm
    config.threads = threads ?? config.threads
  }
}

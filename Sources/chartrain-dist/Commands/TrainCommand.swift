import ArgumentParser
import Kernels
import Logging
import Ranks
import Storage
import Training

struct TrainCommand: RankedCommand, CommandWithExamples {
  static let configuration = CommandConfiguration(
    commandName: "train",
    abstract: "Train a model, on as many ranks as mpirun starts.")

  static let examples = [
    Example("On 4 ranks, on a text of your own", "mpirun -n 4 chartrain-dist train --train text.txt"),
    Example(
      "The notebook's GRU, on its text",
      "mpirun -n 2 chartrain-dist --preset notebook-gru --train trn.txt --valid val.txt"),
    Example(
      "Two phases, a larger model",
      "mpirun -n 2 chartrain-dist --cell lstm --layers 2 --phase epochs=4,lr=3e-3 --phase epochs=2,lr=5e-4"),
    Example(
      "Begin with the model of another run", "mpirun -n 2 chartrain-dist --init runs/a --train other.txt"),
    Example("Go on with a run, on another number of ranks", "mpirun -n 2 chartrain-dist --resume runs/a"),
    Example("On the hosts of a hostfile", "launch/cluster hosts --train text.txt"),
  ]

  @Flag(help: "Print a hash of the weights after each step: the same as debug prints.")
  var printHash = false

  @Option(
    help: ArgumentHelp(
      "Write a Chrome trace of every rank's phases to this file at the end; it opens in Perfetto. The first \(StepProfile.steps) steps. Default: none.",
      valueName: "file"), completion: .file())
  var profile: String?

  @Option(help: .hidden, transform: Self.fault)
  var plantFault: (step: Int, rank: Int)?

  @OptionGroup var options: TrainingOptions

  func run() throws {
    let config = try options.config()
    if options.steps.ranks.printPlacement { throw CleanExit.message(try options.placementGoingOn()) }
    let known = config ?? options.files.savedConfig
    if known?.gemm.backend != .simd { try ensureOpenBLASCore() }
    SignalRequests.install()
    try runOnRanks(stallLimits(known)) { world in
      let start = try options.start(config, world)
      if let directory = start.config.logDir { try world.onAll { try RankLog.begin(in: directory, world) } }
      let logger = ConsoleLogHandler.logger(
        quiet: start.config.quiet, verbose: start.config.verbose, speaks: world.isRoot,
        keepsLog: start.config.logDir != nil)
      setOpenBLASThreads(start.config.threads)
      if profile != nil { try world.onRoot { try checkProfile(start.config) } }
      let observer = options.observer(start.config, ProgressDisplay.onRoot(of: world), logger)
      let run = try TrainingRun(
        start, world, observer, logger, inspectors: inspectors, requests: SignalRequests.take)
      SignalRequests.begin(world)
      let steps = try profile.map { _ in try run.profileSteps() }
      let ending = try run.run()
      if let profile { try steps?.write(to: profile) }
      return ending.status
    }
  }

  /// - Throws: `StorageError`, or `OptionError` where the file is one that the run reads.
  private func checkProfile(_ config: TrainingConfig) throws {
    guard let profile else { return }
    try checkCanWrite(profile, besides: config.runDir)
    let read = [config.train, config.valid, config.initialModel, options.steps.base.config].compactMap { $0 }
    try checkIsNone(of: read, profile, option: "profile")
  }

  /// Those that hold before the run that goes on is looked at by all ranks.
  private func stallLimits(_ config: TrainingConfig?) -> StallLimits {
    var limits = config?.stallLimits ?? StallLimits()
    if let timeout = options.steps.ranks.stallTimeout, (0...1e9).contains(timeout) {
      limits.timeout = .seconds(timeout)
    }
    return limits
  }

  private var inspectors: [any StepInspector] {
    let planted = plantFault.map { [PlantedFault(step: $0.step, rank: $0.rank)] } ?? []
    return planted + (printHash ? [HashPrinter { Terminal.write($0 + "\n") }] : [])
  }

  /// A step and a rank, such as `7,1`.
  @Sendable private static func fault(_ text: String) throws -> (step: Int, rank: Int) {
    let numbers = text.split(separator: ",").compactMap { Int($0) }
    guard numbers.count == 2 else { throw ValidationError("expected STEP,RANK") }
    return (numbers[0], numbers[1])
  }
}

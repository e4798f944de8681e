import ArgumentParser
import FoundationEssentials
import Kernels
import Ranks
import Training

struct TrainCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "train",
    abstract: "Train a model, on as many ranks as mpirun starts.")

  @OptionGroup(title: "Start") var base: StartOptions
  @OptionGroup(title: "Text") var text: TextOptions
  @OptionGroup(title: "Model") var model: ModelOptions
  @OptionGroup(title: "Training") var optimization: OptimizationOptions
  @OptionGroup(title: "Run") var output: RunOptions

  func run() throws {
    var config = try base.base()
    if output.resume == nil {
      try apply(to: &config)
      try config.checkValues()
    }
    let underMPI = try Launch(environment: ProcessInfo.processInfo.environment).isMPI
    try runOnRanks { world in
      let start = try start(config, world)
      let config = start.config
      setMatrixProductThreads(config.threads)
      let observer: any RunObserver =
        config.quiet
        ? QuietObserver()
        : ConsoleObserver(
          showsBar: world.isRoot && Terminal.outputIsTerminal(underMPI: underMPI), underMPI: underMPI)
      let logger = ConsoleLogHandler.logger(
        quiet: config.quiet, verbose: config.verbose, speaks: world.isRoot)
      try TrainingRun(start, world, observer, logger).run()
    }
  }

  private func start(_ config: TrainingConfig, _ world: any World) throws -> RunStart {
    guard let directory = output.resume else { return RunStart(config) }
    let logger = ConsoleLogHandler.logger(
      quiet: output.quiet, verbose: output.verbose, speaks: world.isRoot)
    return try RunStart(resuming: directory, world, logger, apply)
  }

  private func apply(to config: inout TrainingConfig) throws {
    text.apply(to: &config)
    model.apply(to: &config)
    try optimization.apply(to: &config)
    output.apply(to: &config)
  }
}

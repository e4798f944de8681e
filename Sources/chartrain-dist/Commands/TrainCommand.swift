import ArgumentParser
import FoundationEssentials
import Kernels
import Ranks
import Training

struct TrainCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "train",
    abstract: "Train a model, on as many ranks as mpirun starts.")

  @OptionGroup(title: "Text") var text: TextOptions
  @OptionGroup(title: "Model") var model: ModelOptions
  @OptionGroup(title: "Training") var optimization: OptimizationOptions
  @OptionGroup(title: "Run") var output: RunOptions

  func run() throws {
    let config = config
    try config.checkValues()
    setMatrixProductThreads(config.threads)
    let underMPI = try Launch(environment: ProcessInfo.processInfo.environment).isMPI
    try runOnRanks { world in
      let observer: any RunObserver =
        config.quiet
        ? QuietObserver()
        : ConsoleObserver(
          showsBar: world.isRoot && Terminal.outputIsTerminal(underMPI: underMPI), underMPI: underMPI)
      let logger = ConsoleLogHandler.logger(
        quiet: config.quiet, verbose: config.verbose, speaks: world.isRoot)
      try TrainingRun(config, world, observer, logger).run()
    }
  }

  private var config: TrainingConfig {
    var config = TrainingConfig()
    text.apply(to: &config)
    model.apply(to: &config)
    optimization.apply(to: &config)
    output.apply(to: &config)
    return config
  }
}

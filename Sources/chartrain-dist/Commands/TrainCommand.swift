import ArgumentParser
import Kernels
import Logging
import Ranks
import Training

struct TrainCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "train",
    abstract: "Train a model, on as many ranks as mpirun starts.")

  @OptionGroup var options: TrainingOptions

  func run() throws {
    let config = options.output.resume == nil ? try options.config() : nil
    try runOnRanks { world in
      let output = options.output
      let logger = ConsoleLogHandler.logger(
        quiet: output.quiet, verbose: output.verbose, speaks: world.isRoot)
      let start = try config.map(RunStart.init) ?? resumed(world, logger)
      setMatrixProductThreads(start.config.threads)
      let observer: any RunObserver =
        start.config.quiet ? QuietObserver() : ConsoleObserver(try options.progressBar(world))
      try TrainingRun(start, world, observer, logger).run()
    }
  }

  private func resumed(_ world: any World, _ logger: Logger) throws -> RunStart {
    try RunStart(resuming: options.output.resume!, world, logger, options.apply)
  }
}

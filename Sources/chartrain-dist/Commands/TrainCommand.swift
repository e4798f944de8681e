import ArgumentParser
import Kernels
import Logging
import Ranks
import Training

struct TrainCommand: RankedCommand {
  static let configuration = CommandConfiguration(
    commandName: "train",
    abstract: "Train a model, on as many ranks as mpirun starts.")

  @OptionGroup var options: TrainingOptions

  func run() throws {
    let config = options.output.resume == nil ? try options.config() : nil
    if config?.gemm.backend == .openblas { try ensureOpenBLASCore() }
    try runOnRanks { world in
      let start = try config.map(RunStart.init) ?? resumed(world)
      let logger = Self.logger(start.config, world)
      setOpenBLASThreads(start.config.threads)
      let observer: any RunObserver =
        start.config.quiet ? SilentObserver() : ConsoleObserver(try options.progressBar(world))
      try TrainingRun(start, world, observer, logger).run()
    }
  }

  private func resumed(_ world: any World) throws -> RunStart {
    var given = TrainingConfig()
    options.output.apply(to: &given)
    return try RunStart(
      resuming: options.output.resume!, world, Self.logger(given, world), options.apply)
  }

  private static func logger(_ config: TrainingConfig, _ world: any World) -> Logger {
    ConsoleLogHandler.logger(quiet: config.quiet, verbose: config.verbose, speaks: world.isRoot)
  }
}

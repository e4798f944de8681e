import ArgumentParser
import FoundationEssentials
import Logging
import Ranks
import Training

/// All options of `train`, which other commands take too.
struct TrainingOptions: ParsableArguments {
  @OptionGroup(title: "Start") var base: StartOptions
  @OptionGroup(title: "Text") var text: TextOptions
  @OptionGroup(title: "Model") var model: ModelOptions
  @OptionGroup(title: "Training") var optimization: OptimizationOptions
  @OptionGroup(title: "Run") var output: RunOptions

  func validate() throws {
    if output.resume != nil, base.preset != nil || base.config != nil {
      throw ValidationError(
        "--preset and --config cannot be used with --resume: a run goes on with its options")
    }
  }

  /// The config of a new run, checked as far as it can be.
  ///
  /// - Throws: `OptionError`, `ConfigFileError`, or `StorageError`.
  func config() throws -> TrainingConfig {
    var config = try base.base()
    try apply(to: &config)
    try config.checkValues()
    return config
  }

  /// Sets what is given.
  func apply(to config: inout TrainingConfig) throws {
    text.apply(to: &config)
    model.apply(to: &config)
    try optimization.apply(to: &config)
    output.apply(to: &config)
  }

  /// The run that `--resume` names, with what else is given.
  ///
  /// - Throws: `AgreedFailure`; `RankError`.
  func resumedStart(_ world: any World) throws -> RunStart {
    var given = TrainingConfig()
    output.apply(to: &given)
    let logger = ConsoleLogHandler.logger(quiet: given.quiet, verbose: given.verbose, speaks: world.isRoot)
    return try RunStart(resuming: output.resume!, world, logger, apply)
  }

  /// Whoever shows the run, in the console (with `progress`, if it may) and in TensorBoard's file, as `config` says.
  func observer(
    _ config: TrainingConfig, _ progress: ProgressDisplay?, _ logger: Logger
  ) -> any RunObserver {
    let console: any RunObserver = config.quiet ? SilentObserver() : ConsoleObserver(progress)
    return config.tensorboard ? ObserverGroup([console, TensorBoardObserver(logger)]) : console
  }

  /// On rank 0.
  func progressDisplay(_ world: any World) throws -> ProgressDisplay? {
    let underMPI = try Launch(environment: ProcessInfo.processInfo.environment).isMPI
    return world.isRoot ? ProgressDisplay(underMPI: underMPI) : nil
  }
}

import ArgumentParser
import Logging
import Ranks
import Training

/// All options of a run.
struct TrainingOptions: ParsableArguments {
  @OptionGroup var steps: StepOptions
  @OptionGroup(title: "Training") var schedule: ScheduleOptions
  @OptionGroup(title: "Model") var initialModel: InitialModelOption
  @OptionGroup(title: "Files") var files: FileOptions
  @OptionGroup(title: "Checkpoints") var checkpoints: CheckpointOptions
  @OptionGroup(title: "Console") var console: ConsoleOptions

  func validate() throws {
    let base = steps.base
    if files.resume != nil, base.preset != nil || base.config != nil {
      throw ValidationError(
        "--preset and --config cannot be used with --resume: a run goes on with its options")
    }
  }

  /// The config of a new run, as `StepOptions.config(_:)` has it; nil for one that goes on.
  ///
  /// - Throws: `OptionError`, `ConfigFileError`, or `StorageError`.
  func config() throws -> TrainingConfig? {
    guard files.resume == nil else { return nil }
    return try steps.config {
      try schedule.apply(to: &$0)
      applyOthers(to: &$0)
    }
  }

  /// Sets what is given for a run that goes on.
  private func applyGoingOn(to config: inout TrainingConfig) throws {
    steps.apply(to: &config)
    try schedule.applyGoingOn(to: &config)
    applyOthers(to: &config)
  }

  private func applyOthers(to config: inout TrainingConfig) {
    initialModel.apply(to: &config)
    files.apply(to: &config)
    checkpoints.apply(to: &config)
    console.apply(to: &config)
  }

  /// What ``RankOptions/printPlacement`` asks for.
  func placementGoingOn() throws -> String {
    var config = files.savedConfig ?? TrainingConfig()
    try applyGoingOn(to: &config)
    return steps.ranks.placement(config)
  }

  /// A new run with rank 0's `config`, or the run that `--resume` names, with what else is given.
  ///
  /// - Throws: `AgreedFailure`; `RankError`.
  func start(_ config: TrainingConfig?, _ world: any World) throws -> RunStart {
    guard let resume = files.resume else {
      return RunStart(try initialModel.shape(.ofRoot(config, world), steps, world))
    }
    var given = TrainingConfig()
    console.apply(to: &given)
    let logger = ConsoleLogHandler.logger(quiet: given.quiet, verbose: given.verbose, speaks: world.isRoot)
    return try RunStart(resuming: resume, world, logger, applyGoingOn)
  }

  /// Whoever shows the run, in the console (with `progress`, if it may) and in TensorBoard's file, as `config` says.
  func observer(
    _ config: TrainingConfig, _ progress: ProgressDisplay?, _ logger: Logger
  ) -> any RunObserver {
    let console: any RunObserver = config.quiet ? SilentObserver() : ConsoleObserver(progress)
    return config.tensorboard ? ObserverGroup([console, TensorBoardObserver(logger)]) : console
  }
}

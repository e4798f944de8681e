import ArgumentParser
import Training

/// All that makes a training step what it is.
struct StepOptions: ParsableArguments {
  @OptionGroup(title: "Start") var base: StartOptions
  @OptionGroup(title: "Text") var text: TextOptions
  @OptionGroup(title: "Model") var model: ModelOptions
  @OptionGroup(title: "Training") var optimization: OptimizationOptions
  @OptionGroup(title: "Ranks") var ranks: RankOptions

  /// The config of something new, checked as far as it can be; nil where `StartOptions.base()` is. All ranks then take ``TrainingConfig/ofRoot(_:_:)``.
  ///
  /// - Parameter applyOthers: sets what other options say.
  /// - Throws: `OptionError`, `ConfigFileError`, or `StorageError`.
  func config(_ applyOthers: (inout TrainingConfig) throws -> Void = { _ in }) throws -> TrainingConfig? {
    guard var config = try base.base() else { return nil }
    apply(to: &config)
    try applyOthers(&config)
    try config.checkValues()
    if ranks.printPlacement { throw CleanExit.message(ranks.placement(config)) }
    return config
  }

  /// Sets what is given.
  func apply(to config: inout TrainingConfig) {
    text.apply(to: &config)
    model.apply(to: &config)
    optimization.apply(to: &config)
    ranks.apply(to: &config)
  }
}

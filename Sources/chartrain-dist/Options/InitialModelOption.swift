import ArgumentParser
import Ranks
import Training

/// The model to begin with.
struct InitialModelOption: ParsableArguments {
  @Option(
    name: .customLong("init"),
    help: ArgumentHelp(
      "Begin with the parameters of this model instead of random ones, and with its cell and sizes: a safetensors file, one of ours or PyTorch's with the same names, or the directory of a run, "
        + "for its best checkpoint. Characters that it does not know begin at random. Default: none.",
      valueName: "file"), completion: .file())
  var path: String?

  func apply(to config: inout TrainingConfig) {
    config.initialModel = path ?? config.initialModel
  }

  /// `config` with the cell and the sizes of the model to begin with, unless `model` gives others.
  ///
  /// - Throws: `AgreedFailure` on all ranks where the file is at fault; `RankError`.
  func shape(_ config: TrainingConfig, unless model: ModelOptions, _ world: any World) throws
    -> TrainingConfig
  {
    guard path != nil else { return config }
    var shaped = config
    try shaped.takeShapeOfInitialModel(world)
    model.apply(to: &shaped)
    return shaped
  }
}

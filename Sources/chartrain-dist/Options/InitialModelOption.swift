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

  /// `config` with the cell and the sizes of the model to begin with, if it has one.
  ///
  /// - Throws: `AgreedFailure` on all ranks where the file, or a size among `steps`, is at fault; `RankError`.
  func shape(_ config: TrainingConfig, _ steps: StepOptions, _ world: any World) throws -> TrainingConfig {
    var given = steps.model.shapeGiven
    // What a file of options says beside its own 'init'.
    if path == nil, config.initialModel != nil, let file = steps.base.config {
      let names = try world.onRoot { try TrainingConfig.names(inFile: file).joined(separator: "\n") }
      let text = String(decoding: try world.broadcast(Array((names ?? "").utf8)), as: UTF8.self)
      given.formUnion(text.split(separator: "\n").map(String.init))
    }
    var shaped = config
    try shaped.takeShapeOfInitialModel(given: given, world)
    return shaped
  }
}

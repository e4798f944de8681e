import ArgumentParser
import Storage
import Training

struct ExportCommand: CommandWithExamples {
  static let configuration = CommandConfiguration(
    commandName: "export",
    abstract:
      "Write the model of a checkpoint alone, without the state of its training: as safetensors or ONNX.",
    discussion:
      "The tensors have PyTorch's names: load_state_dict takes them as they are."
  )

  static let examples = [
    Example("For PyTorch", "chartrain-dist export --checkpoint runs/a --to model.safetensors"),
    Example("For ONNX's runtimes", "chartrain-dist export --checkpoint runs/a --to model.onnx"),
  ]

  @OptionGroup var model: ModelFileOption

  @Option(
    help: ArgumentHelp("The file to write, ending in .safetensors or .onnx.", valueName: "file"),
    completion: .file())
  var to: String

  func run() throws {
    try requireSuffix(".safetensors", ".onnx", of: to)
    let checkpoint = try model.load()
    guard !areSameFile(checkpoint.file.path, to) else {
      throw OptionError(option: "to", expected: "another file than the checkpoint", found: "'\(to)'")
    }
    let parameters = try checkpoint.loadParameters()
    if to.hasSuffix(".onnx") {
      try writeONNX(to: to, parameters, like: checkpoint)
    } else {
      try writeModel(to: to, parameters, like: checkpoint)
    }
    print("wrote \(to): \(grouped(checkpoint.parameterCount)) parameters")
  }
}

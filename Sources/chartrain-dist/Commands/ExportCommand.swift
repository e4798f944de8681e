import ArgumentParser
import Storage
import Training

struct ExportCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "export",
    abstract: "Write the model of a checkpoint alone, without the state of its training.",
    discussion:
      "The tensors have PyTorch's names: load_state_dict takes them as they are.\n\n$ chartrain-dist export --checkpoint RUN_DIR --to model.safetensors"
  )

  @OptionGroup var model: ModelFileOption

  @Option(help: ArgumentHelp("The file to write, ending in .safetensors.", valueName: "file"))
  var to: String

  func run() throws {
    try requireSuffix(".safetensors", of: to)
    let checkpoint = try model.load()
    guard !areSameFile(checkpoint.file.path, to) else {
      throw OptionError(option: "to", expected: "another file than the checkpoint", found: "'\(to)'")
    }
    try writeModel(to: to, try checkpoint.loadParameters(), like: checkpoint)
    print("wrote \(to): \(grouped(checkpoint.parameterCount)) parameters")
  }
}

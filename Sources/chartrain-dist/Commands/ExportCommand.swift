import ArgumentParser
import Storage
import Training

struct ExportCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "export",
    abstract: "Write the model of a checkpoint alone, without the state of its training.",
    discussion: "The tensors have PyTorch's names: load_state_dict takes them as they are.")

  @Option(help: ArgumentHelp("The checkpoint.", valueName: "file"))
  var checkpoint: String

  @Option(help: ArgumentHelp("The file to write, ending in .safetensors.", valueName: "file"))
  var to: String

  func run() throws {
    guard to.hasSuffix(".safetensors") else {
      throw OptionError(option: "to", expected: "a file name that ends in .safetensors", found: "'\(to)'")
    }
    guard !areSameFile(checkpoint, to) else {
      throw OptionError(option: "to", expected: "another file than the checkpoint", found: "'\(to)'")
    }
    let checkpoint = try Checkpoint(path: checkpoint)
    try writeModel(to: to, try checkpoint.loadParameters(), like: checkpoint)
    print("wrote \(to): \(grouped(checkpoint.parameterCount)) parameters")
  }
}

import ArgumentParser
import Storage
import Training

/// The model that a command uses.
struct ModelFileOption: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "The model: a checkpoint, or the directory of a run, for its best checkpoint.", valueName: "file"),
    completion: .file())
  var checkpoint: String

  /// - Throws: `CheckpointError`, `StorageError`.
  func load() throws -> Checkpoint {
    let file = RunDirectory.checkpointFile(of: checkpoint)
    guard kind(of: file) != .directory else {
      throw OptionError(
        option: "checkpoint", expected: "a checkpoint, or a run's directory with one",
        found: "a directory without in '\(file)'")
    }
    return try Checkpoint(path: file)
  }
}

import ArgumentParser
import Training

/// The model that a command uses.
struct ModelFileOption: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "The model: a checkpoint, or the directory of a run, for its best checkpoint.", valueName: "file"),
    completion: .file())
  var checkpoint: String

  /// - Throws: `CheckpointError`, `StorageError`.
  func load() throws -> Checkpoint { try Checkpoint(path: RunDirectory.checkpointFile(of: checkpoint)) }
}

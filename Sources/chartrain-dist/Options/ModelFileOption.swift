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
  func load() throws -> Checkpoint { try Checkpoint(path: Self.file(of: checkpoint)) }

  /// A file's own path, or that of the checkpoint which a run's directory is asked for.
  ///
  /// - Parameter names: those of a run's checkpoints to look for, the first that is there counts.
  static func file(of path: String, names: [String] = ["best", "last"]) -> String {
    guard case .directory = kind(of: path) else { return path }
    let files = names.map { RunDirectory.checkpoint($0, in: path) }
    return files.first { kind(of: $0) != .nothing } ?? path
  }
}

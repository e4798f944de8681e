import ArgumentParser
import FoundationEssentials
import Ranks
import Storage
import Training

/// Where the options come from that are not given one by one.
struct StartOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Start from the options of a known experiment: "
        + Preset.all.map { "\($0.name) (\($0.summary))" }.joined(separator: "; ") + ". Default: none.",
      valueName: "name"),
    completion: .list(Preset.all.map(\.name)), transform: { try Preset(named: $0) })
  var preset: Preset?

  @Option(
    help: ArgumentHelp(
      "Start from the options in this YAML or JSON file, such as the config.json of a run, whose runDir and logDir are not taken. Default: none.",
      valueName: "file"
    ), completion: .file())
  var config: String?

  func validate() throws {
    if preset != nil, config != nil {
      throw ValidationError("--config cannot be used with --preset: expected one of them")
    }
  }

  /// What is there before the options that are given one by one; nil on another rank than 0 whose host lacks the file.
  ///
  /// - Throws: `ConfigFileError`, or `StorageError`.
  func base() throws -> TrainingConfig? {
    guard let config else { return preset?.config ?? TrainingConfig() }
    if try !Launch(environment: ProcessInfo.processInfo.environment).isRoot, kind(of: config) == .nothing {
      return nil
    }
    return try TrainingConfig(file: config)
  }
}

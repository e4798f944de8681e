import ArgumentParser
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

  /// - Throws: `ConfigFileError`, or `StorageError`.
  func base() throws -> TrainingConfig {
    if let config { return try TrainingConfig(file: config) }
    return preset?.config ?? TrainingConfig()
  }
}

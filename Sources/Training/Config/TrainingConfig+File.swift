import FoundationEssentials
import Storage
import Yams

/// A config file that cannot be used.
public struct ConfigFileError: Error, CustomStringConvertible {
  public let path: String
  public let problem: String

  public var description: String { "config file '\(path)': \(problem)" }
}

extension TrainingConfig {
  /// A larger file of options is something else; a run's `config.json` also has a hundred bytes for each of its ranks.
  static let maximumFileSize = 1 << 20

  /// Reads options from a YAML or JSON file; what it does not name keeps its default. The `config.json` of a run is
  /// such a file; the directories that it wrote to are not taken from it.
  ///
  /// - Throws: ``ConfigFileError``, or `StorageError`.
  public init(file path: String) throws {
    let bytes = try readWhole(path, limit: Self.maximumFileSize)
    do {
      // JSON is YAML.
      self = try YAMLDecoder().decode(TrainingConfig.self, from: Data(bytes))
    } catch let error as DecodingError {
      throw ConfigFileError(path: path, problem: error.summary)
    } catch let error as YamlError {
      throw ConfigFileError(
        path: path,
        problem: "expected YAML or JSON, found: \(error)".split(separator: "\n").joined(separator: " "))
    }
    runDir = nil
    logDir = nil
  }
}

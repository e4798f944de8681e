import FoundationEssentials
import Ranks
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
    self = try Self.decode(TrainingConfig.self, path)
    runDir = nil
    logDir = nil
  }

  /// Rank 0's config, on all ranks: the others' hosts need not have the file that it comes from.
  ///
  /// - Parameters:
  ///   - own: this rank's; there on rank 0, elsewhere of no account.
  ///   - world: all ranks, which call this together.
  /// - Throws: `AgreedFailure`, `RankError`.
  public static func ofRoot(_ own: TrainingConfig?, _ world: any World) throws -> TrainingConfig {
    let json = try world.onRoot { try JSON.line(own) }
    let bytes = try world.broadcast(Array((json ?? "").utf8))
    return try JSON.decode(TrainingConfig.self, from: String(decoding: bytes, as: UTF8.self))
  }

  /// The names of the options that the file gives.
  ///
  /// - Throws: as ``init(file:)``.
  public static func names(inFile path: String) throws -> Set<String> {
    struct Names: Decodable {
      let names: Set<String>
      init(from decoder: any Decoder) throws {
        names = Set(try decoder.container(keyedBy: AnyKey.self).allKeys.map(\.stringValue))
      }
    }
    return try decode(Names.self, path).names
  }

  private static func decode<Value: Decodable>(_ type: Value.Type, _ path: String) throws -> Value {
    let bytes = try readWhole(path, limit: maximumFileSize)
    do {
      // JSON is YAML.
      return try YAMLDecoder().decode(type, from: Data(bytes))
    } catch let error as DecodingError {
      throw ConfigFileError(path: path, problem: problem(error))
    } catch let error as YamlError {
      throw ConfigFileError(path: path, problem: problem(error))
    }
  }

  private static func problem(_ error: DecodingError) -> String {
    switch error {
    case .dataCorrupted(let context):
      if let cause = context.underlyingError as? YamlError { return problem(cause) }
    case .typeMismatch(_, let context) where context.codingPath.isEmpty,
      .valueNotFound(_, let context) where context.codingPath.isEmpty:
      return "expected options by name, such as 'hidden: 256', found none"
    default: break
    }
    return error.summary
  }

  private static func problem(_ error: YamlError) -> String {
    "expected YAML or JSON, found: \(error)".split(separator: "\n").joined(separator: " ")
  }
}

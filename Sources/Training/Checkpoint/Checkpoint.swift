import CharModel
import Kernels
import SafeTensors
import Text

/// A checkpoint file whose header, config, vocabulary and tensor shapes have been read and checked. The file may
/// come from another program: only the model's tensors, the version, the config and the vocabulary must be there.
public struct Checkpoint: Sendable {
  public let file: SafeTensorsFile
  public let card: ModelCard
  public let vocabulary: Vocabulary
  public let model: ModelConfig
  /// How far the run had come, if it is a training checkpoint.
  public let progress: Progress?

  /// - Throws: ``CheckpointError``, `SafeTensorsError`, or `StorageError`.
  public init(path: String) throws {
    func refuse(_ expected: String, _ found: String) -> CheckpointError {
      CheckpointError(path: path, expected: expected, found: found)
    }
    let file = try SafeTensorsFile(path: path)
    func metadata(_ key: String) throws -> String {
      guard let value = file.header.metadata[key] else { throw refuse("'\(key)' in its metadata", "none") }
      return value
    }
    func decode<Value: Decodable>(_ type: Value.Type, _ key: String) throws -> Value {
      do { return try JSON.decode(type, from: try metadata(key)) } catch let error as DecodingError {
        throw refuse("'\(key)' to be complete and valid", error.summary)
      }
    }
    let version = try metadata(CheckpointFormat.versionKey)
    guard version == CheckpointFormat.version else {
      throw refuse("version \(CheckpointFormat.version)", "version \(version)")
    }
    card = try decode(ModelCard.self, CheckpointFormat.configKey)
    do {
      vocabulary = try Vocabulary(
        strings: try decode([String].self, CheckpointFormat.vocabularyKey), unit: card.format.unit)
      model = try ModelConfig(
        cell: card.cell, vocabulary: vocabulary.count, embedding: card.embedding, hidden: card.hidden,
        layers: card.layers)
    } catch let error as VocabularyError {
      throw refuse(error.expected, "\(error.found) in vocabulary entry \(error.entry)")
    } catch let error as ModelConfigError {
      throw refuse("\(error.name) \(error.expected)", error.found)
    }
    progress =
      file.header.metadata[CheckpointFormat.progressKey] == nil
      ? nil : try decode(Progress.self, CheckpointFormat.progressKey)
    self.file = file
    for tensor in ParameterLayout(model).tensors { _ = try file.find(tensor.name, tensor.shape) }
    if let expected = file.header.metadata[CheckpointFormat.metadataChecksumKey] {
      let found = CheckpointFormat.checksum(of: file.header.metadata).text
      guard found == expected else { throw refuse("metadata with checksum \(expected)", found) }
    }
    if let expected = file.header.metadata[CheckpointFormat.checksumKey] {
      let found = try file.dataChecksum().text
      guard found == expected else { throw refuse("tensor data with checksum \(expected)", found) }
    }
  }

  /// Reads the model's parameters.
  ///
  /// - Throws: ``CheckpointError`` if they are not finite, `SafeTensorsError`, `StorageError`, or ``MemoryError``.
  public func loadParameters() throws -> ParameterSet {
    try model.requireMemory(copies: 1, streams: 1, length: 1)
    let parameters = ParameterSet(model)
    for tensor in parameters.layout.tensors {
      try read(tensor.name, tensor.shape, into: parameters.elements(of: tensor))
    }
    guard parameters.areFinite else {
      throw CheckpointError(path: file.path, expected: "finite parameters", found: "infinite ones or NaN")
    }
    return parameters
  }

  /// Reads one tensor of a training checkpoint.
  ///
  /// - Throws: ``CheckpointError`` if it is not there in this shape, `SafeTensorsError`, or `StorageError`.
  func read(_ name: String, _ shape: [Int], into values: Vector) throws {
    try file.read(try file.find(name, shape), into: values)
  }

  /// Parameters of the model.
  public var parameterCount: Int { ParameterLayout(model).parameterCount }

  /// The checksum that the file says its data have, if it says one.
  public var checksum: String? { file.header.metadata[CheckpointFormat.checksumKey] }

  /// The config's keys, sorted, and values, as JSON.
  public var configEntries: [(key: String, value: String)] {
    let entries = configText.flatMap { try? JSON.decode([String: JSONValue].self, from: $0) } ?? [:]
    return entries.sorted { $0.key < $1.key }.map { ($0.key, (try? JSON.line($0.value)) ?? "") }
  }

  /// The metadata that using its model needs.
  public var modelMetadata: [(key: String, value: String)] {
    [CheckpointFormat.versionKey, CheckpointFormat.configKey, CheckpointFormat.vocabularyKey].compactMap {
      key in
      file.header.metadata[key].map { (key, $0) }
    }
  }

  /// The config as JSON.
  public var configText: String? { file.header.metadata[CheckpointFormat.configKey] }
}

extension DecodingError {
  private static func name(of type: Any.Type) -> String? {
    switch type {
    case is Bool.Type: "true or false"
    case is any FixedWidthInteger.Type: "a whole number"
    case is any BinaryFloatingPoint.Type: "a number"
    case is String.Type: "text"
    case is [Any].Type: "a list"
    default: nil
    }
  }

  /// What is wrong, and where, in a few words.
  var summary: String {
    func place(_ context: Context) -> String {
      let path = context.codingPath.map(\.stringValue).joined(separator: ".")
      return path.isEmpty ? "" : " at '\(path)'"
    }
    return switch self {
    case .keyNotFound(let key, _): "no '\(key.stringValue)'"
    case .typeMismatch(let type, let context):
      Self.name(of: type).map { "expected \($0)\(place(context)), found something else" }
        ?? "a value of another type\(place(context))"
    case .valueNotFound(_, let context): "null\(place(context))"
    case .dataCorrupted(let context): context.debugDescription + place(context)
    @unknown default: "something else"
    }
  }
}

import CharModel
import SafeTensors
import Text

/// The names that a checkpoint file uses: see `docs/checkpoint-format.md`.
enum CheckpointFormat {
  static let version = "1"
  static let versionKey = "chartrain.version"
  static let configKey = "chartrain.config"
  static let vocabularyKey = "chartrain.vocab"
  static let progressKey = "chartrain.progress"
  static let checksumKey = "chartrain.checksum"
  static let metadataChecksumKey = "chartrain.metadataChecksum"

  static let unaveragedPrefix = "unaveraged."
  static let firstMomentPrefix = "adam.m."
  static let secondMomentPrefix = "adam.v."
  static let stateH = "state.h"
  static let stateC = "state.c"

  /// `[L, B, H]`.
  static func stateShape(_ model: ModelConfig, streams: Int) -> [Int] {
    [model.layers, streams, model.hidden]
  }

  /// What stands before the names of parameters, those of the model itself first: of Adam's moments, and of what training goes on from where the model is an average.
  static func prefixes(isAveraged: Bool) -> [String] {
    [""] + (isAveraged ? [unaveragedPrefix] : []) + [firstMomentPrefix, secondMomentPrefix]
  }

  /// Of the tensors' data, and of the metadata with it.
  static func addChecksums(to metadata: inout [String: String], of tensors: [OutputTensor]) {
    metadata[checksumKey] = dataChecksum(of: tensors).text
    metadata[metadataChecksumKey] = checksum(of: metadata).text
  }

  /// That of all metadata but itself: their keys and values, sorted by key, with a zero byte behind each.
  static func checksum(of metadata: [String: String]) -> Checksum {
    var checksum = Checksum()
    // Text would sort by its characters' composition.
    let others = metadata.filter { $0.key != metadataChecksumKey }.map { (Array($0.key.utf8), $0.value) }
    for (key, value) in others.sorted(by: { $0.0.lexicographicallyPrecedes($1.0) }) {
      (key + [0] + value.utf8 + [0]).withUnsafeBytes { checksum.add($0) }
    }
    return checksum
  }

  /// Whether it is the name of parameters, trained or averaged.
  static func isParameter(_ tensor: String) -> Bool {
    ![firstMomentPrefix, secondMomentPrefix].contains { tensor.hasPrefix($0) }
      && ![stateH, stateC].contains(tensor)
  }
}

/// A checkpoint that cannot be used.
public struct CheckpointError: Error, CustomStringConvertible {
  public let path: String
  public let expected: String
  public let found: String

  public var description: String { "checkpoint '\(path)': expected \(expected), found \(found)" }
}

/// The part of a checkpoint's config that using its model needs. A file written elsewhere may have no more.
public struct ModelCard: Decodable, Equatable, Sendable {
  public let cell: CellKind
  public let layers: Int
  public let hidden: Int
  public let embedding: Int
  public let format: TextFormat
  /// The streams it was trained with, if known.
  public let streams: Int?

  private enum Key: String, CodingKey {
    case cell, layers, hidden, embedding, unit, lowercase, newlines, endToken, bs
  }

  public init(from decoder: any Decoder) throws {
    let values = try decoder.container(keyedBy: Key.self)
    cell = try values.decode(CellKind.self, forKey: .cell)
    layers = try values.decode(Int.self, forKey: .layers)
    hidden = try values.decode(Int.self, forKey: .hidden)
    embedding = try values.decode(Int.self, forKey: .embedding)
    format = TextFormat(
      unit: try values.decode(TextFormat.Unit.self, forKey: .unit),
      lowercase: try values.decode(Bool.self, forKey: .lowercase),
      newlines: try values.decodeIfPresent(TextFormat.Newlines.self, forKey: .newlines) ?? .keep,
      endToken: try values.decodeIfPresent(Bool.self, forKey: .endToken) ?? false)
    streams = try values.decodeIfPresent(Int.self, forKey: .bs)
  }
}

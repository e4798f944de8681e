import CharModel
import Text

/// The names that a checkpoint file uses: see `docs/checkpoint-format.md`.
enum CheckpointFormat {
  static let version = "1"
  static let versionKey = "chartrain.version"
  static let configKey = "chartrain.config"
  static let vocabularyKey = "chartrain.vocab"
  static let progressKey = "chartrain.progress"
  static let checksumKey = "chartrain.checksum"

  static let unaveragedPrefix = "unaveraged."
  static let firstMomentPrefix = "adam.m."
  static let secondMomentPrefix = "adam.v."
  static let stateH = "state.h"
  static let stateC = "state.c"

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

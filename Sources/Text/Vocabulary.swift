/// The units that a model knows, by id: `<unk>`, `<pad>`, then units by falling frequency, ties by code point.
public struct Vocabulary: Equatable, Sendable {
  public static let unknown: UInt16 = 0
  public static let padding: UInt16 = 1
  public static let specials = ["<unk>", "<pad>"]
  static let endName = "<eos>"

  /// The units of ids 2, 3, ...
  public let units: [TextUnit]
  private let ids: [TextUnit: UInt16]

  /// V.
  public var count: Int { Self.specials.count + units.count }

  public static let maximumCount = 1 << 16

  /// The vocabulary of the units seen at least `minimumFrequency` times.
  public init(counts: [TextUnit: Int], minimumFrequency: Int) {
    let frequent = counts.filter { $0.value >= minimumFrequency }
    self.init(
      units: frequent.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.map(\.key))
  }

  private init(units: [TextUnit]) {
    self.units = units
    let pairs = units.enumerated().map { ($1, UInt16($0 + Self.specials.count)) }
    ids = Dictionary(pairs) { first, _ in first }
  }

  /// The id of `unit`, that of `<unk>` if the vocabulary lacks it.
  public func id(of unit: TextUnit) -> UInt16 { ids[unit] ?? Self.unknown }

  /// The unit of `id`, nil for `<unk>` and `<pad>`.
  public func unit(of id: UInt16) -> TextUnit? {
    let index = Int(id) - Self.specials.count
    return units.indices.contains(index) ? units[index] : nil
  }
}

// The form in a checkpoint: an array of strings, index = id. A unit is the string of its one scalar
// (a byte that of the scalar with its value); the end mark is "<eos>".
extension Vocabulary {
  public var strings: [String] {
    Self.specials
      + units.map { unit in
        unit == .end ? Self.endName : String(Character(Unicode.Scalar(unit.value)!))
      }
  }

  /// - Throws: ``VocabularyError`` that names the first entry that cannot be.
  public init(strings: [String], unit: TextFormat.Unit) throws {
    guard Array(strings.prefix(2)) == Self.specials else {
      throw VocabularyError(
        entry: 0, expected: "<unk> and <pad> first",
        found: strings.isEmpty ? "nothing" : strings.prefix(2).joined(separator: " "))
    }
    guard strings.count > Self.specials.count else {
      throw VocabularyError(entry: Self.specials.count, expected: "at least one character", found: "none")
    }
    guard strings.count <= Self.maximumCount else {
      throw VocabularyError(
        entry: Self.maximumCount, expected: "at most \(Self.maximumCount) entries", found: "\(strings.count)")
    }
    var units: [TextUnit] = []
    var seen: Set<TextUnit> = []
    for (id, string) in strings.enumerated().dropFirst(2) {
      let scalars = string.unicodeScalars
      let value = string == Self.endName ? TextUnit.end : scalars.first.map { TextUnit($0.value) }
      guard let value, string == Self.endName || scalars.count == 1 else {
        throw VocabularyError(entry: id, expected: "one character", found: "'\(string)'")
      }
      if unit == .byte, value != .end, value.value > 0xFF {
        throw VocabularyError(entry: id, expected: "a byte, U+0000 to U+00FF", found: "'\(string)'")
      }
      guard seen.insert(value).inserted else {
        throw VocabularyError(entry: id, expected: "distinct entries", found: "'\(string)' again")
      }
      units.append(value)
    }
    self.init(units: units)
  }
}

/// A vocabulary that cannot be used.
public struct VocabularyError: Error, CustomStringConvertible {
  public let entry: Int
  public let expected: String
  public let found: String

  public var description: String { "vocabulary entry \(entry): expected \(expected), found \(found)" }
}

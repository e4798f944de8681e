/// How a file's bytes become the units that a model reads: everything a checkpoint must remember to read
/// another text the same way.
public struct TextFormat: Equatable, Sendable {
  public enum Unit: String, CaseIterable, Codable, Sendable {
    /// Unicode scalars of UTF-8 text.
    case scalar
    /// Bytes of any file.
    case byte
  }

  public enum Newlines: String, CaseIterable, Codable, Sendable {
    case keep
    /// Line ends (LF, CR LF, CR) are removed and the lines joined with nothing between.
    case strip
  }

  public var unit: Unit
  /// Unicode's full lower-case mapping of each scalar; with bytes, of ASCII letters only.
  public var lowercase: Bool
  public var newlines: Newlines
  /// Whether each file is followed by one ``TextUnit/end``.
  public var endToken: Bool

  public init(
    unit: Unit = .scalar, lowercase: Bool = false, newlines: Newlines = .keep, endToken: Bool = false
  ) {
    self.unit = unit
    self.lowercase = lowercase
    self.newlines = newlines
    self.endToken = endToken
  }
}

/// What a text is made of: a Unicode scalar's or a byte's value, or the mark of a file's end.
public struct TextUnit: Hashable, Comparable, Sendable {
  public let value: UInt32

  public init(_ value: UInt32) { self.value = value }

  /// Comes after every scalar.
  public static let end = TextUnit(0x11_0000)
  /// One above the largest value.
  static let valueLimit = 0x11_0001

  public static func < (a: TextUnit, b: TextUnit) -> Bool { a.value < b.value }
}

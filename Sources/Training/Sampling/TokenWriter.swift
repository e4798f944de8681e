import Text

/// Turns tokens back into text as they come.
///
/// What could command a terminal never passes as it is: control characters other than line feed and tab are
/// shown as visible pictures, unless `raw`.
public struct TokenWriter {
  private let vocabulary: Vocabulary
  private let unit: TextFormat.Unit
  private let isRaw: Bool
  /// Bytes of a UTF-8 sequence that is not whole yet (only with ``TextFormat/Unit/byte``).
  private var pending: [UInt8] = []

  public init(_ vocabulary: Vocabulary, unit: TextFormat.Unit, raw: Bool = false) {
    self.vocabulary = vocabulary
    self.unit = unit
    isRaw = raw
  }

  /// The bytes to write for `token`: UTF-8, possibly none yet.
  public mutating func write(_ token: UInt16) -> [UInt8] {
    guard let textUnit = vocabulary.unit(of: token) else { return flush() + Array("\u{FFFD}".utf8) }
    if textUnit == .end { return flush() + Array("\n".utf8) }
    guard unit == .byte else { return Array(shown(Unicode.Scalar(textUnit.value)!).utf8) }
    let byte = UInt8(textUnit.value)
    if isRaw { return [byte] }
    pending.append(byte)
    return takeWholeScalars()
  }

  /// The rest, at the end: a UTF-8 sequence cut short becomes U+FFFD.
  public mutating func flush() -> [UInt8] {
    defer { pending = [] }
    return pending.isEmpty ? [] : Array("\u{FFFD}".utf8)
  }

  /// The pictures of a whole text.
  public static func visible(_ text: String) -> String {
    String(String.UnicodeScalarView(text.unicodeScalars.flatMap { picture(of: $0).unicodeScalars }))
  }

  private func shown(_ scalar: Unicode.Scalar) -> String {
    isRaw ? String(Character(scalar)) : Self.picture(of: scalar)
  }

  private mutating func takeWholeScalars() -> [UInt8] {
    var output: [UInt8] = []
    while !pending.isEmpty {
      var parser = Unicode.UTF8.ForwardParser()
      var bytes = pending.makeIterator()
      switch parser.parseScalar(from: &bytes) {
      case .valid(let encoded):
        pending.removeFirst(encoded.count)
        output += Self.picture(of: Unicode.UTF8.decode(encoded)).utf8
      case .error(let length) where pending.count < 4 && isStartOfScalar && length == pending.count:
        return output
      case .error(let length):
        pending.removeFirst(length)
        output += "\u{FFFD}".utf8
      case .emptyInput:
        return output
      }
    }
    return output
  }

  /// Whether `pending` may still become a scalar.
  private var isStartOfScalar: Bool {
    let needed = pending[0] >= 0xF0 ? 4 : pending[0] >= 0xE0 ? 3 : pending[0] >= 0xC2 ? 2 : 1
    return pending.count < needed
  }

  private static func picture(of scalar: Unicode.Scalar) -> String {
    switch scalar.value {
    case 0x09, 0x0A: String(Character(scalar))
    case 0x00...0x1F: String(Character(Unicode.Scalar(0x2400 + scalar.value)!))
    case 0x7F: "\u{2421}"
    // C1 controls; line and paragraph separators; marks that turn the direction of what follows.
    case 0x80...0x9F, 0x061C, 0x200E, 0x200F, 0x2028...0x202E, 0x2066...0x2069:
      "<U+" + String(scalar.value, radix: 16, uppercase: true) + ">"
    default: String(Character(scalar))
    }
  }
}

import Glibc
import Text
import Training

/// One sample as it is shown: its characters, in the colours of how likely each was where that is wanted, up to the text that ends it.
struct SampleText {
  private var writer: TokenWriter
  private let hasColors: Bool
  private let ending: [UInt16]
  /// The last tokens, as many as `ending` has.
  private var last: [UInt16] = []
  /// Of the bytes of a character that is not whole yet.
  private var bits = 0.0
  /// Whether the text that ends it has been written.
  private(set) var isOver = false

  /// - Parameter ending: the text that ends it, empty for none.
  init(_ writer: TokenWriter, hasColors: Bool, until ending: [UInt16]) {
    self.writer = writer
    self.hasColors = hasColors
    self.ending = ending
  }

  /// What to show for a token that was given.
  mutating func give(_ token: UInt16) -> [UInt8] { writer.write(token) }

  /// What to show for a character that was chosen, nothing once it is over.
  mutating func add(_ choice: Sampler.Choice) -> [UInt8] {
    guard !isOver else { return [] }
    lookOut(choice.token)
    let bytes = writer.write(choice.token)
    bits -= log2(choice.probability)
    guard !bytes.isEmpty else { return [] }
    defer { bits = 0 }
    return hasColors ? Self.colored(bytes, bits: bits) : bytes
  }

  /// What is left to show at the end.
  mutating func flush() -> [UInt8] { writer.flush() }

  private mutating func lookOut(_ token: UInt16) {
    guard !ending.isEmpty else { return }
    if last.count == ending.count { last.removeFirst() }
    last.append(token)
    isOver = last == ending
  }

  // MARK: Colours

  /// Of the 256 that terminals know (ISO 8613-6), each with 3:1 or more on black and on white.
  private static let levels: [(bits: Double, style: String, name: String)] = [
    (6, "1;38;5;160", "over 6 bits"), (4, "38;5;160", "4 to 6"), (2, "38;5;166", "2 to 4"),
    (1, "38;5;136", "1 to 2"),
  ]

  /// What the colours mean, in one line.
  static let legend =
    "bits that a character cost: "
    + levels.map { "\u{1B}[\($0.style)m\($0.name)\u{1B}[m" }.joined(separator: ", ") + ", 1 or less"

  /// Each character on its own, so that nothing stays coloured where the program is ended.
  private static func colored(_ bytes: [UInt8], bits: Double) -> [UInt8] {
    guard let level = levels.first(where: { bits > $0.bits }) else { return bytes }
    return Array("\u{1B}[\(level.style)m".utf8) + bytes + Array("\u{1B}[m".utf8)
  }
}

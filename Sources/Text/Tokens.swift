/// A text as token ids, one byte each where all fit, else two.
public enum Tokens: Equatable, Sendable {
  case bytes([UInt8])
  case words([UInt16])

  public var count: Int {
    switch self {
    case .bytes(let ids): ids.count
    case .words(let ids): ids.count
    }
  }

  public subscript(index: Int) -> UInt16 {
    switch self {
    case .bytes(let ids): UInt16(ids[index])
    case .words(let ids): ids[index]
    }
  }

  /// The tokens of `range` in memory of their own.
  public func copy(of range: Range<Int>) -> Tokens {
    switch self {
    case .bytes(let ids): .bytes(Array(ids[range]))
    case .words(let ids): .words(Array(ids[range]))
    }
  }

  /// Whether ids below `vocabulary` fit in a byte.
  public static func fitInBytes(vocabulary: Int) -> Bool { vocabulary <= 256 }
}

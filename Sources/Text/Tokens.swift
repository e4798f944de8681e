/// A text, or a part of one, as token ids: one byte each where all fit, else two. Parts share the text's memory.
public struct Tokens: Sendable {
  public enum Storage: Sendable {
    case bytes([UInt8])
    case words([UInt16])
  }

  /// The whole text's ids.
  public let storage: Storage
  /// Which of them these are.
  public let range: Range<Int>

  public init(_ storage: Storage) {
    self.storage = storage
    range =
      switch storage {
      case .bytes(let ids): ids.indices
      case .words(let ids): ids.indices
      }
  }

  private init(_ storage: Storage, _ range: Range<Int>) {
    self.storage = storage
    self.range = range
  }

  public var count: Int { range.count }

  /// The id at `index`, counted from the start of these tokens.
  public subscript(index: Int) -> UInt16 {
    let index = range.lowerBound + index
    assert(range.contains(index))
    return switch storage {
    case .bytes(let ids): UInt16(ids[index])
    case .words(let ids): ids[index]
    }
  }

  /// The part at `part`, counted from the start of these tokens.
  public subscript(part: Range<Int>) -> Tokens {
    precondition(part.lowerBound >= 0 && part.upperBound <= count)
    return Tokens(storage, range.lowerBound + part.lowerBound..<range.lowerBound + part.upperBound)
  }

  /// Whether ids below `vocabulary` fit in a byte.
  public static func fitInBytes(vocabulary: Int) -> Bool { vocabulary <= 256 }
}

extension Tokens {
  /// How many of them are `<unk>`.
  public var unknownCount: Int {
    switch storage {
    case .bytes(let ids): ids[range].count { $0 == Vocabulary.unknown }
    case .words(let ids): ids[range].count { $0 == Vocabulary.unknown }
    }
  }

  /// Sixteen hexadecimal digits that differ (but for chance) where the ids do: a 64-bit FNV-1a hash over them.
  public var fingerprint: String {
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    func add(_ id: UInt64) { hash = (hash ^ id) &* 0x0000_0100_0000_01B3 }
    switch storage {
    case .bytes(let ids): for id in ids[range] { add(UInt64(id)) }
    case .words(let ids): for id in ids[range] { add(UInt64(id)) }
    }
    let digits = String(hash, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
  }
}

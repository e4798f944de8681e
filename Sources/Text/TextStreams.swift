/// How a text is split into streams, and the streams among ranks.
public struct StreamSplit: BitwiseCopyable, Equatable, Sendable {
  /// `bs`, over all ranks.
  public let streams: Int
  /// The units of each stream.
  public let columns: Int

  public init(streams: Int, columns: Int) {
    self.streams = streams
    self.columns = columns
  }

  /// Splits a text into contiguous streams of equal length; the remainder is dropped.
  ///
  /// - Parameters:
  ///   - count: the text's units.
  ///   - streams: `bs`, at least 1.
  ///   - name: what an error calls the text.
  /// - Throws: ``TextError/tooShort(name:units:needed:streams:)`` unless each stream has a unit to predict.
  public init(count: Int, streams: Int, name: String) throws {
    precondition(streams >= 1)
    guard count / streams >= 2 else {
      throw TextError.tooShort(name: name, units: count, needed: 2 * streams, streams: streams)
    }
    self.streams = streams
    columns = count / streams
  }

  /// The streams of rank `rank` of `ranks`; counts differ by at most one.
  public static func shard(streams: Int, rank: Int, ranks: Int) -> Range<Int> {
    rank * streams / ranks..<(rank + 1) * streams / ranks
  }

  /// Where the units of the given streams lie in the text.
  public func units(of streams: Range<Int>) -> Range<Int> {
    streams.lowerBound * columns..<streams.upperBound * columns
  }
}

/// The streams that one rank holds.
public struct TextStreams: Sendable {
  /// Which of the text's streams these are.
  public let streams: Range<Int>
  /// The units of each.
  public let columns: Int
  /// These streams, one after the other.
  private let tokens: Tokens

  /// - Parameters:
  ///   - tokens: the units of `streams`, one stream after the other.
  ///   - streams: which of the text's they are.
  ///   - columns: the units of each.
  public init(_ tokens: Tokens, streams: Range<Int>, columns: Int) {
    precondition(tokens.count >= streams.count * columns)
    self.tokens = tokens
    self.streams = streams
    self.columns = columns
  }

  /// B, on this rank.
  public var count: Int { streams.count }

  /// The largest token in any of them.
  public var largestToken: UInt16 { (0..<tokens.count).reduce(0) { max($0, tokens[$1]) } }

  /// Fills `window` with the `length` units of every stream from `column` on, and the units after each.
  /// At least one unit must follow the last.
  public func read(_ window: inout TextWindow, column: Int, length: Int) {
    precondition(length >= 1 && column >= 0 && column + length < columns)
    window.inputs.removeAll(keepingCapacity: true)
    window.targets.removeAll(keepingCapacity: true)
    for t in column..<column + length {
      for b in 0..<count {
        window.inputs.append(tokens[b * columns + t])
        window.targets.append(tokens[b * columns + t + 1])
      }
    }
  }
}

/// The consecutive units of every stream that one step reads and predicts, `[T, B]`.
public struct TextWindow: Equatable, Sendable {
  public var inputs: [UInt16] = []
  public var targets: [UInt16] = []

  /// - Parameter capacity: the units to make room for, `T * B`.
  public init(capacity: Int = 0) {
    inputs.reserveCapacity(capacity)
    targets.reserveCapacity(capacity)
  }
}

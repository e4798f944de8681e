/// Copies blocks of 16 by 16 elements with rows and columns exchanged.
///
/// Element `(r, c)` of a block has the number `16 r + c`. Putting row `i` and row `i + 8` together, element by element, moves the
/// first bit of every number to its end; after four times rows and columns have changed places.
final class BlockTransposer {
  static let side = Lanes.scalarCount
  private let first = FloatBuffer(count: side * side)
  private let second = FloatBuffer(count: side * side)

  /// `target[c, r] = source[r, c]` for `side` rows and columns; the strides are from row to row.
  ///
  /// - Returns: the sum of the elements' bits, each lane for itself.
  @inline(__always)
  func transpose(_ source: TileRows, to target: TileRows) -> SIMD16<UInt32> {
    var bits = SIMD16<UInt32>.zero
    for row in 0..<Self.side {
      bits &+= unsafeBitCast(loadLanes(source.from(row: row).base), to: SIMD16<UInt32>.self)
    }
    shuffle(source, TileRows(first.elements.base, stride: Self.side))
    shuffle(
      TileRows(first.elements.base, stride: Self.side), TileRows(second.elements.base, stride: Self.side))
    shuffle(
      TileRows(second.elements.base, stride: Self.side), TileRows(first.elements.base, stride: Self.side))
    shuffle(TileRows(first.elements.base, stride: Self.side), target)
    return bits
  }

  @inline(__always)
  private func shuffle(_ source: TileRows, _ target: TileRows) {
    for i in 0..<Self.side / 2 {
      let upper = loadLanes(source.from(row: i).base)
      let lower = loadLanes(source.from(row: i + Self.side / 2).base)
      storeLanes(interleave(upper.lowHalf, lower.lowHalf), target.from(row: 2 * i).base)
      storeLanes(interleave(upper.highHalf, lower.highHalf), target.from(row: 2 * i + 1).base)
    }
  }
}

/// `a` in the even places and `b` in the odd ones.
@inline(__always)
private func interleave(_ a: SIMD8<Float>, _ b: SIMD8<Float>) -> Lanes {
  var result = Lanes.zero
  result.evenHalf = a
  result.oddHalf = b
  return result
}

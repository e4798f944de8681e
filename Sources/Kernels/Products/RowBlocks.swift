/// The rows of `[T, B, ...]` arrays, grouped into blocks of streams: what a gradient is summed over, block by block.
public struct RowBlocks {
  /// T.
  public let length: Int
  /// B.
  public let streams: Int
  /// The streams of each block.
  public let blocks: [Range<Int>]
  /// The order in which the blocks' sums are added: see ``SumTree/merges``.
  public let merges: [Int]

  public init(length: Int, streams: Int, blocks: [Range<Int>], merges: [Int]) {
    precondition(blocks.count == merges.count)
    precondition(blocks.allSatisfy { $0.upperBound <= streams })
    self.length = length
    self.streams = streams
    self.blocks = blocks
    self.merges = merges
  }

  /// The rows of all blocks.
  public var rowCount: Int { length * blocks.reduce(0) { $0 + $1.count } }

  /// Calls `body` with every row in the order of the sum (block, time, stream), and its number in that order.
  @inline(__always)
  func forEachRow(_ body: (_ number: Int, _ row: Int) -> Void) {
    var number = 0
    for block in blocks {
      for t in 0..<length {
        for stream in block {
          body(number, t * streams + stream)
          number += 1
        }
      }
    }
  }
}

/// The sums still open while vectors are added up along a ``SumTree``.
public final class VectorStack {
  private let buffer: FloatBuffer
  private let capacity: Int

  /// - Parameters:
  ///   - capacity: the longest vector.
  ///   - depth: ``SumTree/depth``.
  public init(capacity: Int, depth: Int) {
    buffer = FloatBuffer(count: capacity * depth)
    self.capacity = capacity
  }

  /// `result = sum over blocks`, in the order of `merges`, of what `fill` adds to the zeros that it is given.
  public func sum(merges: [Int], into result: Vector, _ fill: (_ block: Int, _ partial: Vector) -> Void) {
    precondition(result.count <= capacity)
    var height = 0
    for block in merges.indices {
      let partial = level(height, result.count)
      partial.fill(0)
      fill(block, partial)
      height += 1
      for _ in 0..<merges[block] {
        height -= 1
        add(level(height, result.count), to: level(height - 1, result.count))
      }
    }
    precondition(height == 1)
    result.copy(from: level(0, result.count))
  }

  private func level(_ index: Int, _ count: Int) -> Vector {
    buffer.elements.slice(index * capacity..<index * capacity + count)
  }
}

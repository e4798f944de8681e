/// A balanced binary tree over consecutive blocks: the one order in which what belongs to blocks is added up.
///
/// A node over `n` blocks adds the sum of its first `n / 2` to that of the others. Whoever holds all blocks of a node
/// may add them up by himself, and gets the bits that anybody else would.
public struct SumTree: Equatable, Sendable {
  public let blocks: Range<Int>

  /// The tree over all `count` blocks.
  public init(count: Int) {
    precondition(count >= 1)
    blocks = 0..<count
  }

  private init(_ blocks: Range<Int>) { self.blocks = blocks }

  public var isLeaf: Bool { blocks.count == 1 }

  /// The two halves of a tree that is no leaf.
  public var halves: (left: SumTree, right: SumTree) {
    precondition(!isLeaf)
    let middle = blocks.lowerBound + blocks.count / 2
    return (SumTree(blocks.lowerBound..<middle), SumTree(middle..<blocks.upperBound))
  }

  /// The largest nodes that together hold just the blocks of `range`, in order.
  public func nodes(covering range: Range<Int>) -> [SumTree] {
    if blocks.clamped(to: range).isEmpty { return [] }
    if range.clamped(to: blocks) == blocks { return [self] }
    return halves.left.nodes(covering: range) + halves.right.nodes(covering: range)
  }

  /// How to add up the tree with a stack: after block `i` is pushed, the two topmost sums are replaced by their sum
  /// `merges[i]` times. At the end one is left.
  public var merges: [Int] {
    guard !isLeaf else { return [0] }
    var both = halves.left.merges + halves.right.merges
    both[both.count - 1] += 1
    return both
  }

  /// The sums that the stack holds at most.
  public var depth: Int { isLeaf ? 1 : max(halves.left.depth, 1 + halves.right.depth) }

  /// The sum of one number for each block of the whole tree.
  public func sum(of values: [Double]) -> Double {
    isLeaf ? values[blocks.lowerBound] : halves.left.sum(of: values) + halves.right.sum(of: values)
  }
}

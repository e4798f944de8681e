import Kernels

/// A gradient over some blocks of a rank's streams that form one node of the tree by which all are summed.
public struct GradientPart {
  /// The node.
  public let tree: SumTree
  /// The streams of each of its blocks, counted from the rank's first.
  public let streams: [Range<Int>]
  public let gradient: ParameterSet

  let merges: [Int]

  public init(_ tree: SumTree, streams: [Range<Int>], _ gradient: ParameterSet) {
    precondition(streams.count == tree.blocks.count)
    self.tree = tree
    self.streams = streams
    self.gradient = gradient
    merges = tree.merges
  }

  /// A gradient over `count` streams as one block.
  public init(allOf count: Int, _ gradient: ParameterSet) {
    self.init(SumTree(count: 1), streams: [0..<count], gradient)
  }

  /// The rows of `[T, B, ...]` arrays that it is summed over.
  func rows(length: Int, streams count: Int) -> RowBlocks {
    RowBlocks(length: length, streams: count, blocks: streams, merges: merges)
  }
}

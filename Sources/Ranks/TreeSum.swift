import Kernels

/// Adds up vectors over blocks that the ranks hold, equally many each, along one `SumTree`: the same bits on any number of
/// ranks that divides the blocks.
///
/// The vectors are added up in chunks, each as soon as it is there (``start(chunk:_:)``), while the rank goes on with something else.
/// A rank ends with the sum of its own elements only; ``share(_:)`` then gives all to all. How chunks travel is a `ChunkRoute`'s matter.
public final class TreeSum {
  /// The blocks of this rank, and the largest nodes of the tree that it holds whole.
  public let ownBlocks: Range<Int>
  public let ownNodes: [SumTree]

  private let world: any World
  private let tree: SumTree
  /// For each chunk, the bounds of the sections, one for each block, into which its elements are split.
  private let bounds: [[Int]]
  private let routes: [any ChunkRoute]

  /// - Parameters:
  ///   - world: the ranks, all of which make one with the same blocks and chunks.
  ///   - blocks: a multiple of the number of ranks.
  ///   - chunks: ranges that together are all elements of the vectors.
  public init(_ world: any World, blocks: Int, chunks: [Range<Int>]) {
    precondition(blocks.isMultiple(of: world.size))
    self.world = world
    let tree = SumTree(count: blocks)
    self.tree = tree
    let blocksPerRank = blocks / world.size
    ownBlocks = world.rank * blocksPerRank..<(world.rank + 1) * blocksPerRank
    ownNodes = tree.nodes(covering: ownBlocks)
    // Sections begin where a cache line does.
    let unit = FloatBuffer.alignedFloats
    bounds = chunks.map { chunk in
      (0..<blocks).map { chunk.lowerBound + chunk.count / unit * $0 / blocks * unit } + [chunk.upperBound]
    }
    routes = bounds.enumerated().map { number, bounds in
      let slices = (0..<world.size).map { bounds[$0 * blocksPerRank]..<bounds[($0 + 1) * blocksPerRank] }
      return Self.halves(ranks: world.size)
        ? HalvingRoute(world, slices, tag: number)
        : DirectRoute(world, tree, blocksPerRank: blocksPerRank, slices, tag: number)
    }
  }

  /// The sections that are this rank's: of each chunk one for each of its blocks.
  public var ownSections: [[Range<Int>]] {
    zip(bounds, routes).map { bounds, route in
      let first = route.slice(of: world.rank) * ownBlocks.count
      return (first..<first + ownBlocks.count).map { bounds[$0]..<bounds[$0 + 1] }
    }
  }

  /// Whether so many ranks add up by `HalvingRoute`.
  static func halves(ranks: Int) -> Bool { ranks & (ranks - 1) == 0 }

  /// All of ``ownSections``, one range for each chunk.
  public var ownElements: [Range<Int>] {
    ownSections.map { $0.first!.lowerBound..<$0.last!.upperBound }
  }

  /// Begins to add up a chunk of the vectors of all nodes of all ranks. It must not be touched before ``finish()``.
  ///
  /// - Parameters:
  ///   - chunk: its index.
  ///   - vectors: one for each of ``ownNodes``, whole.
  /// - Throws: `RankError`.
  public func start(chunk: Int, _ vectors: [Vector]) throws {
    precondition(vectors.count == ownNodes.count)
    try routes[chunk].start(vectors)
  }

  /// Goes on with the chunks started, without waiting.
  ///
  /// - Throws: `RankError`.
  public func advance() throws {
    for route in routes { try route.advance() }
  }

  /// Waits until all chunks are added up, each of which has been started: the first vector has the sums in ``ownElements``; the rest is overwritten.
  ///
  /// - Throws: `RankError`.
  public func finish() throws {
    for route in routes.reversed() { try route.finish() }
  }

  /// Gives each rank the elements that the others hold as their own.
  ///
  /// - Throws: `RankError`.
  public func share(_ vector: Vector) throws {
    for route in routes { try route.share(vector) }
  }

  /// The sums of one number for each block and one for each section of the elements, along the tree; those of chunks are added up in their order.
  ///
  /// - Parameters:
  ///   - blocks: of ``ownBlocks``.
  ///   - sections: of ``ownSections``.
  ///   - counts: equally many on all ranks, added up in the order of ranks.
  /// - Throws: `RankError`.
  public func totals(
    ofBlocks blocks: [Double], ofSections sections: [[Double]], counts: [Double] = []
  ) throws -> (blocks: Double, sections: Double, counts: [Double]) {
    let count = ownBlocks.count
    precondition(blocks.count == count && sections.allSatisfy { $0.count == count })
    precondition(sections.count == routes.count)
    let own = blocks + sections.flatMap { $0 } + counts
    var all = [Double](repeating: 0, count: own.count * world.size)
    try own.withUnsafeBytes { local in
      try all.withUnsafeMutableBytes { try world.allGather(local, into: $0) }
    }
    /// Along the tree, the `number`th numbers that every rank gave, rank `r`'s in the place of `slice(r)`.
    func total(_ number: Int, _ slice: (Int) -> Int) -> Double {
      var inOrder = [Double](repeating: 0, count: tree.blocks.count)
      for rank in 0..<world.size {
        let first = rank * own.count + number * count
        for index in 0..<count { inOrder[slice(rank) * count + index] = all[first + index] }
      }
      return tree.sum(of: inOrder)
    }
    let chunks = routes.enumerated().map { total(1 + $0, $1.slice) }
    let countSums = counts.indices.map { index in
      (1...world.size).reduce(0) { $0 + all[$1 * own.count - counts.count + index] }
    }
    return (total(0) { $0 }, chunks.reduce(0, +), countSums)
  }
}

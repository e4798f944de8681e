import Kernels

/// Adds up vectors over blocks that the ranks hold, equally many each, along one ``SumTree``: the same bits on any number of
/// ranks that divides the blocks.
///
/// A rank ends with the sum of its own elements only; ``share(_:)`` then gives all to all. Where the number of ranks is a power of
/// two both go by recursive halving and doubling, nearest ranks first as the tree asks: `log2(ranks)` messages each way; else
/// each pair of ranks exchanges directly. By halving a rank sends all elements but its own once, directly once for each
/// node that it holds.
/// Source: Thakur, Rabenseifner, Gropp, "Optimization of collective communication operations in MPICH", 2005.
public final class TreeSum {
  /// The blocks of this rank, and the largest nodes of the tree that it holds whole.
  public let ownBlocks: Range<Int>
  public let ownNodes: [SumTree]

  private let world: any World
  private let tree: SumTree
  /// The bounds of the sections, one for each block, into which the elements are split.
  private let bounds: [Int]
  private let route: any Route

  /// - Parameters:
  ///   - blocks: a multiple of the number of ranks.
  ///   - elements: the length of the vectors.
  public init(_ world: any World, blocks: Int, elements: Int) {
    precondition(blocks.isMultiple(of: world.size))
    self.world = world
    tree = SumTree(count: blocks)
    let blocksPerRank = blocks / world.size
    ownBlocks = world.rank * blocksPerRank..<(world.rank + 1) * blocksPerRank
    ownNodes = tree.nodes(covering: ownBlocks)
    // Sections begin where a cache line does.
    let unit = FloatBuffer.alignedFloats
    let bounds = (0..<blocks).map { elements / unit * $0 / blocks * unit } + [elements]
    self.bounds = bounds
    let slices = (0..<world.size).map { bounds[$0 * blocksPerRank]..<bounds[($0 + 1) * blocksPerRank] }
    route =
      world.size & (world.size - 1) == 0
      ? HalvingRoute(world, slices) : DirectRoute(world, tree, blocksPerRank: blocksPerRank, slices)
  }

  /// The sections that are this rank's, one for each of its blocks.
  public var ownSections: [Range<Int>] {
    let first = route.slice(of: world.rank) * ownBlocks.count
    return (first..<first + ownBlocks.count).map { bounds[$0]..<bounds[$0 + 1] }
  }

  /// All of ``ownSections``.
  public var ownElements: Range<Int> { ownSections.first!.lowerBound..<ownSections.last!.upperBound }

  /// Adds up the vectors of all nodes of all ranks: `vectors[0]` has the sum in ``ownElements``. The rest is overwritten.
  ///
  /// - Parameter vectors: one for each of ``ownNodes``.
  /// - Throws: `RankError`.
  public func reduce(_ vectors: [Vector]) throws {
    precondition(vectors.count == ownNodes.count)
    try route.reduce(vectors)
  }

  /// Gives each rank the elements that the others hold as their own.
  ///
  /// - Throws: `RankError`.
  public func share(_ vector: Vector) throws { try route.share(vector) }

  /// The sums of one number for each block and one for each section of the elements, along the tree.
  ///
  /// - Parameters:
  ///   - blocks: of ``ownBlocks``.
  ///   - sections: of ``ownSections``.
  /// - Throws: `RankError`.
  public func totals(
    ofBlocks blocks: [Double], ofSections sections: [Double]
  ) throws -> (blocks: Double, sections: Double) {
    precondition(blocks.count == ownBlocks.count && sections.count == ownBlocks.count)
    let own = blocks + sections
    var all = [Double](repeating: 0, count: own.count * world.size)
    try own.withUnsafeBytes { local in
      try all.withUnsafeMutableBytes { try world.allGather(local, into: $0) }
    }
    var allBlocks = [Double](repeating: 0, count: tree.blocks.count)
    var allSections = allBlocks
    for rank in 0..<world.size {
      for index in blocks.indices {
        allBlocks[rank * blocks.count + index] = all[rank * own.count + index]
        allSections[route.slice(of: rank) * blocks.count + index] =
          all[rank * own.count + blocks.count + index]
      }
    }
    return (tree.sum(of: allBlocks), tree.sum(of: allSections))
  }
}

/// How slices of vectors travel.
private protocol Route {
  /// The slice that is a rank's own.
  func slice(of rank: Int) -> Int
  func reduce(_ vectors: [Vector]) throws
  func share(_ vector: Vector) throws
}

/// Recursive halving and doubling among a power of two of ranks, each of which holds one node of the tree.
private final class HalvingRoute: Route {
  private let world: any World
  private let slices: [Range<Int>]
  private let bits: Int
  private let received: FloatBuffer

  init(_ world: any World, _ slices: [Range<Int>]) {
    self.world = world
    self.slices = slices
    bits = world.size.trailingZeroBitCount
    let half = slices.count / 2
    received = FloatBuffer(
      count: half == 0 ? 0 : max(slices[half].lowerBound, slices.last!.upperBound - slices[half].lowerBound))
  }

  /// The bits of the rank in the opposite order: the nearest rank parts with a half, the next with a quarter, and so on.
  func slice(of rank: Int) -> Int {
    (0..<bits).reduce(0) { $0 << 1 | (rank >> $1 & 1) }
  }

  func reduce(_ vectors: [Vector]) throws {
    let vector = vectors[0]
    for bit in 0..<bits {
      let (kept, given) = halves(bit)
      let target = received.elements.slice(0..<kept.count)
      let partner = world.rank ^ 1 << bit
      try world.exchange(
        UnsafeRawBufferPointer(vector.slice(given).bytes), to: partner, target.bytes, from: partner)
      add(target, to: vector.slice(kept))
    }
  }

  func share(_ vector: Vector) throws {
    for bit in (0..<bits).reversed() {
      let (own, other) = halves(bit)
      let partner = world.rank ^ 1 << bit
      try world.exchange(
        UnsafeRawBufferPointer(vector.slice(own).bytes), to: partner, vector.slice(other).bytes, from: partner
      )
    }
  }

  /// Of the elements that this rank still holds at exchange `bit`: those it keeps, and those it gives away.
  private func halves(_ bit: Int) -> (kept: Range<Int>, given: Range<Int>) {
    let width = slices.count >> (bit + 1)
    let kept = slice(of: world.rank) / width * width
    let given = kept ^ width
    func elements(_ first: Int) -> Range<Int> {
      slices[first].lowerBound..<slices[first + width - 1].upperBound
    }
    return (elements(kept), elements(given))
  }
}

/// Each pair of ranks exchanges what is the other's; a rank may hold several nodes of the tree.
private final class DirectRoute: Route {
  private let world: any World
  private let tree: SumTree
  private let slices: [Range<Int>]
  /// What every rank holds.
  private let nodes: [[SumTree]]
  /// This rank's slice of every node of every other rank.
  private var received: [Range<Int>: Vector] = [:]
  private let buffer: FloatBuffer

  init(_ world: any World, _ tree: SumTree, blocksPerRank: Int, _ slices: [Range<Int>]) {
    self.world = world
    self.tree = tree
    self.slices = slices
    let nodes = (0..<world.size).map { tree.nodes(covering: $0 * blocksPerRank..<($0 + 1) * blocksPerRank) }
    self.nodes = nodes
    let count = slices[world.rank].count
    let others = (0..<world.size).filter { $0 != world.rank }.flatMap { nodes[$0] }
    buffer = FloatBuffer(count: count * others.count)
    for (index, node) in others.enumerated() {
      received[node.blocks] = buffer.elements.slice(index * count..<(index + 1) * count)
    }
  }

  func slice(of rank: Int) -> Int { rank }

  func reduce(_ vectors: [Vector]) throws {
    for distance in 1..<world.size {
      let (to, from) = neighbours(distance)
      for index in 0..<max(vectors.count, nodes[from].count) {
        try world.exchange(
          index < vectors.count ? UnsafeRawBufferPointer(vectors[index].slice(slices[to]).bytes) : .empty,
          to: to,
          index < nodes[from].count ? received[nodes[from][index].blocks]!.bytes : .empty, from: from)
      }
    }
    for (node, vector) in zip(nodes[world.rank], vectors) {
      received[node.blocks] = vector.slice(slices[world.rank])
    }
    let total = sum(tree)
    let target = vectors[0].slice(slices[world.rank])
    if total.base != target.base { target.copy(from: total) }
  }

  func share(_ vector: Vector) throws {
    for distance in 1..<world.size {
      let (to, from) = neighbours(distance)
      try world.exchange(
        UnsafeRawBufferPointer(vector.slice(slices[world.rank]).bytes), to: to,
        vector.slice(slices[from]).bytes,
        from: from)
    }
  }

  /// Adds up in place, left halves first.
  private func sum(_ node: SumTree) -> Vector {
    if let known = received[node.blocks] { return known }
    let left = sum(node.halves.left)
    add(sum(node.halves.right), to: left)
    return left
  }

  private func neighbours(_ distance: Int) -> (to: Int, from: Int) {
    ((world.rank + distance) % world.size, (world.rank - distance + world.size) % world.size)
  }
}

extension UnsafeRawBufferPointer {
  fileprivate static var empty: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: nil, count: 0) }
}

extension UnsafeMutableRawBufferPointer {
  fileprivate static var empty: UnsafeMutableRawBufferPointer {
    UnsafeMutableRawBufferPointer(start: nil, count: 0)
  }
}

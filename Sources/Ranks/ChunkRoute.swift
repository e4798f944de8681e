import Kernels

/// How a chunk of vectors travels when ranks add it up: cut into slices, one for each rank to end with.
protocol ChunkRoute: AnyObject {
  /// The slice that is a rank's own.
  func slice(of rank: Int) -> Int
  /// Begins to add up; see ``TreeSum``.
  func start(_ vectors: [Vector]) throws
  func advance() throws
  func finish() throws
  func share(_ vector: Vector) throws
}

/// Recursive halving and doubling among a power of two of ranks, each of which holds one node of the tree: nearest ranks first, as the tree
/// asks, `log2(ranks)` messages each way. A rank sends all elements but its own once.
///
/// Source: Thakur, Rabenseifner, Gropp, "Optimization of collective communication operations in MPICH", 2005.
final class HalvingRoute: ChunkRoute {
  private let world: any World
  private let slices: [Range<Int>]
  private let tag: Int
  private let bits: Int
  private let received: FloatBuffer
  /// The exchange under way, and its number.
  private var exchange: (any StartedExchange)?
  private var bit = 0
  private var vector: Vector?

  init(_ world: any World, _ slices: [Range<Int>], tag: Int) {
    self.world = world
    self.slices = slices
    self.tag = tag
    bits = world.size.trailingZeroBitCount
    let half = slices.count / 2
    let lower = half == 0 ? 0 : slices[half].lowerBound - slices[0].lowerBound
    received = FloatBuffer(
      count: half == 0 ? 0 : max(lower, slices.last!.upperBound - slices[half].lowerBound))
  }

  /// The bits of the rank in the opposite order: the nearest rank parts with a half, the next with a quarter, and so on.
  func slice(of rank: Int) -> Int {
    (0..<bits).reduce(0) { $0 << 1 | (rank >> $1 & 1) }
  }

  func start(_ vectors: [Vector]) throws {
    vector = vectors[0]
    bit = 0
    try startExchange()
  }

  func advance() throws {
    while let exchange, try exchange.advance() { try exchangeEnded() }
  }

  func finish() throws {
    while let exchange {
      try exchange.wait()
      try exchangeEnded()
    }
  }

  private func startExchange() throws {
    exchange = nil
    guard bit < bits else { return }
    let (kept, given) = halves(bit)
    let partner = world.rank ^ 1 << bit
    exchange = try world.startExchange(
      UnsafeRawBufferPointer(vector!.slice(given).bytes), to: partner,
      received.elements.slice(0..<kept.count).bytes, from: partner, tag: tag)
  }

  private func exchangeEnded() throws {
    let kept = halves(bit).kept
    add(received.elements.slice(0..<kept.count), to: vector!.slice(kept))
    bit += 1
    try startExchange()
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

/// Each pair of ranks exchanges what is the other's, for any number of ranks; a rank may hold several nodes of the tree, and sends its elements
/// once for each.
final class DirectRoute: ChunkRoute {
  private let world: any World
  private let tree: SumTree
  private let slices: [Range<Int>]
  private let tag: Int
  /// What every rank holds.
  private let nodes: [[SumTree]]
  /// This rank's slice of every node of every rank.
  private var parts: [Range<Int>: Vector] = [:]
  private let buffer: FloatBuffer
  private var exchanges: [any StartedExchange] = []
  private var vector: Vector?

  init(_ world: any World, _ tree: SumTree, blocksPerRank: Int, _ slices: [Range<Int>], tag: Int) {
    self.world = world
    self.tree = tree
    self.slices = slices
    self.tag = tag
    let nodes = (0..<world.size).map { tree.nodes(covering: $0 * blocksPerRank..<($0 + 1) * blocksPerRank) }
    self.nodes = nodes
    let count = slices[world.rank].count
    let others = (0..<world.size).filter { $0 != world.rank }.flatMap { nodes[$0] }
    buffer = FloatBuffer(count: count * others.count)
    for (index, node) in others.enumerated() {
      parts[node.blocks] = buffer.elements.slice(index * count..<(index + 1) * count)
    }
  }

  func slice(of rank: Int) -> Int { rank }

  func start(_ vectors: [Vector]) throws {
    vector = vectors[0]
    for (node, vector) in zip(nodes[world.rank], vectors) {
      parts[node.blocks] = vector.slice(slices[world.rank])
    }
    for distance in 1..<world.size {
      let (to, from) = neighbours(distance)
      for index in 0..<max(vectors.count, nodes[from].count) {
        exchanges.append(
          try world.startExchange(
            index < vectors.count ? UnsafeRawBufferPointer(vectors[index].slice(slices[to]).bytes) : .empty,
            to: to, index < nodes[from].count ? parts[nodes[from][index].blocks]!.bytes : .empty, from: from,
            tag: tag))
      }
    }
  }

  func advance() throws {
    for exchange in exchanges { _ = try exchange.advance() }
  }

  func finish() throws {
    for exchange in exchanges { try exchange.wait() }
    exchanges.removeAll(keepingCapacity: true)
    let total = sum(tree)
    let target = vector!.slice(slices[world.rank])
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
    if let known = parts[node.blocks] { return known }
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

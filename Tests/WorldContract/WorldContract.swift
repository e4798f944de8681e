import Kernels
import Ranks

/// What every World must do, whatever moves the bytes. Every rank calls it; it returns what went wrong.
public func worldContractViolations(_ world: any World) throws -> [String] {
  var violations: [String] = []
  func expect(_ holds: Bool, _ what: String) {
    if !holds { violations.append("rank \(world.rank) of \(world.size): \(what)") }
  }
  let ranks = Array(0..<world.size)

  try world.barrier()
  expect(world.rank >= 0 && world.rank < world.size, "rank out of range")
  expect(!world.host.isEmpty, "host without a name")
  expect(try world.allGather(world.rank) == ranks, "allGather is not in the order of ranks")

  // An odd length, so that slices are unequal.
  let buffer = FloatBuffer(count: 1003)
  let values = buffer.elements
  for index in 0..<values.count { values[index] = Float(index) * Float(world.rank + 1) }
  try world.sum(values)
  let factor = Float(ranks.map { $0 + 1 }.reduce(0, +))
  expect((0..<values.count).allSatisfy { values[$0] == Float($0) * factor }, "sum of floats is wrong")

  // Numbers whose sum depends on the order: all ranks must still get the same bits.
  for index in 0..<values.count { values[index] = 1 / Float(1 + index * 7 + world.rank * 13) }
  try world.sum(values)
  let hashes = try world.allGather(bitHash(values))
  expect(Set(hashes).count == 1, "sum differs between ranks")

  var doubles = [Double(world.rank), 0.5]
  try world.sum(&doubles)
  expect(doubles == [Double(ranks.reduce(0, +)), 0.5 * Double(world.size)], "sum of doubles is wrong")

  expect(try world.broadcast(world.isRoot ? 42 : -1) == 42, "broadcast of a value")
  let text = try world.broadcast(world.isRoot ? Array("some text".utf8) : [])
  expect(text == Array("some text".utf8), "broadcast of bytes")
  expect(try world.broadcast([]) == [], "broadcast of no bytes")
  values.fill(world.isRoot ? 7 : 0)
  try world.broadcast(values)
  expect(values[0] == 7 && values[values.count - 1] == 7, "broadcast of floats")

  // Unequal parts, one of them empty where there are enough ranks.
  let bounds = ranks.map { $0 * $0 * 5 } + [world.size * world.size * 5]
  let parts = ranks.map { $0 == 1 ? bounds[1]..<bounds[1] : bounds[$0]..<bounds[$0 + 1] }
  let whole = (0..<bounds.last!).map { UInt16($0) }
  let part = try world.scatter(world.isRoot ? whole : [], parts: parts)
  expect(world.isRoot ? part.isEmpty : part == Array(whole[parts[world.rank]]), "scatter")

  let counts = ranks.map { 3 + $0 }
  let local = [Float](repeating: Float(world.rank), count: counts[world.rank])
  let gathered = try world.gather(local, counts: counts)
  let expected = ranks.flatMap { [Float](repeating: Float($0), count: counts[$0]) }
  expect(gathered == (world.isRoot ? expected : []), "gather")

  // In a circle, with unequal lengths; then in one direction only.
  let (next, previous) = ((world.rank + 1) % world.size, (world.rank + world.size - 1) % world.size)
  let sent = [UInt8](repeating: UInt8(world.rank), count: 1 + world.rank * 40_000)
  var received = [UInt8](repeating: 255, count: 1 + previous * 40_000)
  if world.size > 1 {
    try sent.withUnsafeBytes { sent in
      try received.withUnsafeMutableBytes { try world.exchange(sent, to: next, $0, from: previous) }
    }
    expect(received.allSatisfy { $0 == UInt8(previous) }, "exchange in a circle")
  }
  let isEven = world.rank % 2 == 0
  let partner = world.rank ^ 1
  if partner < world.size {
    var byte: [UInt8] = [7]
    try byte.withUnsafeMutableBytes { bytes in
      let none = UnsafeMutableRawBufferPointer(start: nil, count: 0)
      if isEven {
        try world.exchange(UnsafeRawBufferPointer(bytes), to: partner, none, from: partner)
      } else {
        bytes[0] = 0
        try world.exchange(UnsafeRawBufferPointer(none), to: partner, bytes, from: partner)
      }
    }
    expect(byte == [7], "exchange in one direction")
  }
  let gatheredBytes = try world.gatherBytes([UInt8](repeating: 3, count: world.rank))
  expect(gatheredBytes?.map(\.count) == (world.isRoot ? ranks : nil), "gatherBytes")
  violations += try treeSumViolations(world)

  expect(try world.onRoot { world.rank } == (world.isRoot ? 0 : nil), "onRoot's result")
  do {
    try world.onRoot { throw ContractError() }
    expect(false, "onRoot swallowed an error")
  } catch let failure as AgreedFailure {
    expect((failure.cause is ContractError) == world.isRoot, "onRoot's cause")
  }
  expect(try world.onAll { world.rank } == world.rank, "onAll's result")
  let last = world.size - 1
  do {
    try world.onAll { if world.rank == last { throw ContractError() } }
    expect(false, "onAll swallowed an error")
  } catch let failure as AgreedFailure {
    expect(failure.speaker == last, "onAll's speaker")
    expect((failure.cause is ContractError) == (world.rank == last), "onAll's cause")
  }
  try world.barrier()
  return violations
}

/// Sums along the tree must have the bits of one rank that holds all blocks.
private func treeSumViolations(_ world: any World) throws -> [String] {
  var violations: [String] = []
  for blocksPerRank in 1...3 {
    let blocks = world.size * blocksPerRank
    let count = 1000
    /// Numbers whose sum depends on the order.
    func value(_ block: Int, _ index: Int) -> Float { 1 / Float(1 + index * 7 + block * 13) }
    func sum(_ node: SumTree, _ index: Int) -> Float {
      node.isLeaf
        ? value(node.blocks.lowerBound, index) : sum(node.halves.left, index) + sum(node.halves.right, index)
    }
    let chunks = [0..<300, 300..<count]
    let treeSum = TreeSum(world, blocks: blocks, chunks: chunks)
    let buffer = FloatBuffer(count: count * treeSum.ownNodes.count)
    let vectors = treeSum.ownNodes.indices.map { buffer.elements.slice($0 * count..<($0 + 1) * count) }
    for (node, vector) in zip(treeSum.ownNodes, vectors) {
      for index in 0..<count { vector[index] = sum(node, index) }
    }
    try treeSum.start(chunk: 1, vectors)
    try treeSum.advance()
    try treeSum.start(chunk: 0, vectors)
    try treeSum.finish()
    try treeSum.share(vectors[0])
    let tree = SumTree(count: blocks)
    if !(0..<count).allSatisfy({ vectors[0][$0] == sum(tree, $0) }) {
      violations.append("rank \(world.rank) of \(world.size): tree sum over \(blocks) blocks")
    }
    let totals = try treeSum.totals(
      ofBlocks: treeSum.ownBlocks.map { 1 / Double($0 + 3) },
      ofSections: treeSum.ownSections.map { $0.map { 1 / Double($0.lowerBound + 1) } })
    let alone = TreeSum(ThreadWorld.single(), blocks: blocks, chunks: chunks)
    let expected = try alone.totals(
      ofBlocks: alone.ownBlocks.map { 1 / Double($0 + 3) },
      ofSections: alone.ownSections.map { $0.map { 1 / Double($0.lowerBound + 1) } })
    if totals != expected {
      violations.append("rank \(world.rank) of \(world.size): totals over \(blocks) blocks")
    }
  }
  return violations
}

struct ContractError: Error {}

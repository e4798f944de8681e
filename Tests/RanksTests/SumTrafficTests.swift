import Kernels
import Ranks
import Testing

@Suite struct SumTrafficTests {
  /// Against the bytes that a sum really moves; with one rank on each host and with several, powers of two and others.
  @Test(arguments: [
    (1, 3, 3), (2, 1, 2), (4, 2, 8), (3, 1, 3), (3, 1, 24), (3, 2, 6), (2, 3, 12), (5, 2, 30),
  ])
  func trafficIsWhatASumMoves(hosts: Int, ranksPerHost: Int, blocks: Int) throws {
    // So many that each rank's slice is as long as the others'.
    let count = blocks * FloatBuffer.alignedFloats * 6
    let counts = try ThreadWorld.run(size: hosts * ranksPerHost) { world -> [[Int]] in
      let counter = CountingWorld(world, ranksPerHost: ranksPerHost)
      let sum = TreeSum(counter, blocks: blocks, chunks: [0..<count])
      let buffer = FloatBuffer(count: count * sum.ownNodes.count)
      let vectors = sum.ownNodes.indices.map { buffer.elements.slice(count * $0..<count * ($0 + 1)) }
      try sum.start(chunk: 0, vectors)
      try sum.finish()
      let added = counter.moved
      try sum.share(vectors[0])
      return [added, zip(counter.moved, added).map { $0 - $1 }]
    }
    let traffic = SumTraffic(hosts: hosts, ranksPerHost: ranksPerHost, blocks: blocks)
    for (phase, expected) in [traffic.added, traffic.shared].enumerated() {
      let perHost = (0..<hosts).map { host in
        let ranks = counts[host * ranksPerHost..<(host + 1) * ranksPerHost].map { $0[phase] }
        return [0, 1].map { way in ranks.reduce(0) { $0 + $1[way] } }.max()!
      }
      #expect(perHost.max()! == Int((expected * Double(4 * count)).rounded()), "phase \(phase)")
    }
  }
}

/// Notes the bytes that a rank sends to and receives from ranks of other hosts, of which each has as many ranks.
private final class CountingWorld: World {
  private let world: any World
  private let ranksPerHost: Int
  /// Sent and received.
  private(set) var moved = [0, 0]

  init(_ world: any World, ranksPerHost: Int) {
    self.world = world
    self.ranksPerHost = ranksPerHost
  }

  private func isElsewhere(_ other: Int) -> Bool { other / ranksPerHost != rank / ranksPerHost }

  func startExchange(
    _ sent: UnsafeRawBufferPointer, to: Int, _ received: UnsafeMutableRawBufferPointer, from: Int, tag: Int
  ) throws -> any StartedExchange {
    if isElsewhere(to) { moved[0] += sent.count }
    if isElsewhere(from) { moved[1] += received.count }
    return try world.startExchange(sent, to: to, received, from: from, tag: tag)
  }

  var rank: Int { world.rank }
  var size: Int { world.size }
  var hosts: [String] { world.hosts }
  func barrier() throws { try world.barrier() }
  func sum(_ values: Vector) throws { try world.sum(values) }
  func sum(_ values: UnsafeMutableBufferPointer<Double>) throws { try world.sum(values) }
  func broadcast(_ bytes: UnsafeMutableRawBufferPointer) throws { try world.broadcast(bytes) }
  func allGather(_ local: UnsafeRawBufferPointer, into all: UnsafeMutableRawBufferPointer) throws {
    try world.allGather(local, into: all)
  }
  func send(_ bytes: UnsafeRawBufferPointer, to rank: Int) throws { try world.send(bytes, to: rank) }
  func receive(_ bytes: UnsafeMutableRawBufferPointer, from rank: Int) throws {
    try world.receive(bytes, from: rank)
  }
  func abort(status: Int32) -> Never { world.abort(status: status) }
  func set(_ limits: StallLimits) { world.set(limits) }
  func whileWaiting(_ body: @escaping () -> Void) { world.whileWaiting(body) }
  func attend() -> Bool { world.attend() }
  func attend(to what: String, for time: Duration) { world.attend(to: what, for: time) }
  func callRoot() { world.callRoot() }
}

import CharModel
import Kernels
import Ranks

/// What a network between hosts does.
public struct NetworkSpeed: Codable, Equatable, Sendable {
  /// From the call that sends a small message to the end of the one that receives it.
  public let latencySeconds: Double
  /// Of a host, each way, both ways at the same time.
  public let bytesPerSecond: Double
  /// The part of the time of a transfer that a rank gains by computing meanwhile: the rest it spends on moving bytes itself.
  public let overlap: Double

  /// What ``overlap`` is where nobody has measured it: that of TCP at 1 Gbit/s is higher, that at 10 Gbit/s lower.
  public static let usualOverlap = 0.5
  /// Of TCP between hosts of one room.
  public static let usualLatencySeconds = 50e-6

  public init(latencySeconds: Double, bytesPerSecond: Double, overlap: Double = Self.usualOverlap) {
    self.latencySeconds = latencySeconds
    self.bytesPerSecond = bytesPerSecond
    self.overlap = overlap
  }

  /// Measures it, by moving a gradient as training does.
  ///
  /// - Parameters:
  ///   - world: with a rank on each host, two at least.
  ///   - chunks: of the gradient.
  /// - Throws: `RankError`.
  public init(measuring world: any World, _ chunks: [Range<Int>]) throws {
    precondition(world.size > 1)
    let probe = try NetworkProbe(world, chunks)
    latencySeconds = try probe.latency()
    // The sum's own messages begin late as well, one round after the other: of all chunks when they are shared, of the last when it is added up.
    let traffic = SumTraffic(hosts: world.size, ranksPerHost: 1, blocks: world.size)
    let late = Double(traffic.roundsToAdd + chunks.count * traffic.roundsToShare) * latencySeconds
    let seconds = try probe.sum()
    bytesPerSecond =
      probe.gradientBytes * (traffic.added + traffic.shared) / max(seconds - late, seconds / 10)
    overlap = try probe.overlap()
  }
}

/// What messages take: the median on the rank for which that is longest.
private final class NetworkProbe {
  private let world: any World
  private let chunks: [Range<Int>]
  private let gradient: FloatBuffer
  private let sent: FloatBuffer
  private let received: FloatBuffer

  /// Of one message, as large as what a step moves.
  private static let floats = 1 << 20
  /// TCP takes a while to find a network's rate.
  private static let warmUp = 4
  private static let secondsOfEach = 1.5
  private static let repetitions = 5...50

  init(_ world: any World, _ chunks: [Range<Int>]) throws {
    self.world = world
    self.chunks = chunks
    gradient = FloatBuffer(count: chunks.last!.upperBound)
    sent = FloatBuffer(count: Self.floats)
    received = FloatBuffer(count: Self.floats)
    for _ in 0..<Self.warmUp { try exchange(floats: Self.floats) }
  }

  /// Of two floats to the next rank, while as many come from the one before.
  func latency() throws -> Double {
    try median(of: 200) { try exchange(floats: 2) }
  }

  var gradientBytes: Double { Double(gradient.count * MemoryLayout<Float>.size) }

  func sum() throws -> Double {
    let sum = TreeSum(world, blocks: world.size, chunks: chunks)
    func addUp() throws {
      for chunk in chunks.indices.reversed() { try sum.start(chunk: chunk, [gradient.elements]) }
      try sum.finish()
      try sum.share(gradient.elements)
    }
    let wanted = Int(Self.secondsOfEach / (try median(of: 1, addUp)))
    return try median(of: min(max(wanted, Self.repetitions.lowerBound), Self.repetitions.upperBound), addUp)
  }

  func overlap() throws -> Double {
    let transfer = try median(of: Self.repetitions.lowerBound) { try exchange(floats: Self.floats) }
    // Pieces as long as those that training computes between two looks at the network.
    let numbers = FloatBuffer(count: 1 << 14)
    func compute() { for _ in 0..<50 { add(numbers.elements, to: numbers.elements) } }
    let piece = try median(of: 50, compute)
    let pieces = max(1, Int(transfer / piece))
    let both = try median(of: Self.repetitions.lowerBound) {
      try exchange(floats: Self.floats) { exchange in
        for _ in 0..<pieces {
          compute()
          _ = try exchange.advance()
        }
      }
    }
    return min(max((transfer + Double(pieces) * piece - both) / transfer, 0), 1)
  }

  private func exchange(floats: Int, meanwhile: (any StartedExchange) throws -> Void = { _ in }) throws {
    let (next, previous) = ((world.rank + 1) % world.size, (world.rank + world.size - 1) % world.size)
    let exchange = try world.startExchange(
      UnsafeRawBufferPointer(sent.elements.slice(0..<floats).bytes), to: next,
      received.elements.slice(0..<floats).bytes, from: previous, tag: 0)
    try meanwhile(exchange)
    try exchange.wait()
  }

  private func median(of count: Int, _ body: () throws -> Void) throws -> Double {
    try world.barrier()
    let seconds = try (0..<count).map { _ -> Double in
      let start = PhaseClock.now()
      try body()
      return Double(PhaseClock.now() - start) * 1e-9
    }
    return try world.allGather(seconds.sorted()[count / 2]).max()!
  }
}

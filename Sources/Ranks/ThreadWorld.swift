import Glibc
import Kernels

/// Ranks that are threads of this process: one rank where nothing launched the program, or several under one
/// debugger or test. No MPI call is made.
public final class ThreadWorld: World {
  public let rank: Int
  public var size: Int { meeting.size }
  public var hosts: [String] { [String](repeating: hostName(), count: size) }

  private let meeting: Meeting

  private init(rank: Int, meeting: Meeting) {
    self.rank = rank
    self.meeting = meeting
  }

  /// A world of one rank.
  public static func single() -> ThreadWorld {
    ThreadWorld(rank: 0, meeting: Meeting(size: 1))
  }

  /// Runs `body` on `size` ranks, a thread each, and returns their results in the order of ranks.
  ///
  /// - Throws: the error of the lowest rank that failed by itself; the others, waiting for it, fail too.
  public static func run<Result: Sendable>(
    size: Int, _ body: @escaping @Sendable (any World) throws -> Result
  ) throws -> [Result] {
    precondition(size >= 1)
    let meeting = Meeting(size: size)
    let threads = (0..<size).map { rank in
      RankThread<Result> {
        do { return try body(ThreadWorld(rank: rank, meeting: meeting)) } catch {
          meeting.fail()
          throw error
        }
      }
    }
    let outcomes = threads.map { $0.join() }
    for case .failure(let error) in outcomes {
      if case RankError.otherRankFailed = error { continue }
      throw error
    }
    return try outcomes.map { try $0.get() }
  }

  public func barrier() throws {
    try meeting.wait()
  }

  /// Each rank adds up its slice of all ranks' values, in the order of ranks, and hands it to all.
  public func sum(_ values: Vector) throws {
    let slice = values.count * rank / size..<values.count * (rank + 1) / size
    try meet(values.base) { all in
      let target = all[0].assumingMemoryBound(to: Float.self)
      for other in all.dropFirst() {
        let source = other.assumingMemoryBound(to: Float.self)
        for index in slice { target[index] += source[index] }
      }
      for other in all.dropFirst() {
        let copy = other.assumingMemoryBound(to: Float.self)
        for index in slice { copy[index] = target[index] }
      }
    }
  }

  public func sum(_ values: UnsafeMutableBufferPointer<Double>) throws {
    guard let base = values.baseAddress else { return }
    try meet(base) { all in
      guard isRoot else { return }
      let pointers = all.map { $0.assumingMemoryBound(to: Double.self) }
      for index in values.indices {
        let total = pointers.dropFirst().reduce(pointers[0][index]) { $0 + $1[index] }
        for pointer in pointers { pointer[index] = total }
      }
    }
  }

  public func broadcast(_ bytes: UnsafeMutableRawBufferPointer) throws {
    guard let base = bytes.baseAddress else { return }
    try meet(base) { all in
      if !isRoot { base.copyMemory(from: all[0], byteCount: bytes.count) }
    }
  }

  public func allGather(
    _ local: UnsafeRawBufferPointer, into all: UnsafeMutableRawBufferPointer
  ) throws {
    precondition(all.count == local.count * size)
    guard let base = local.baseAddress, let target = all.baseAddress else { return }
    try meet(UnsafeMutableRawPointer(mutating: base)) { locals in
      for (rank, source) in locals.enumerated() {
        (target + rank * local.count).copyMemory(from: source, byteCount: local.count)
      }
    }
  }

  public func send(_ bytes: UnsafeRawBufferPointer, to rank: Int) throws {
    guard !bytes.isEmpty else { return }
    try meeting.send(bytes, from: self.rank, to: rank)
  }

  public func receive(_ bytes: UnsafeMutableRawBufferPointer, from rank: Int) throws {
    guard !bytes.isEmpty else { return }
    try meeting.receive(bytes, from: rank, to: self.rank)
  }

  /// Nothing moves before the ranks wait for it.
  public func startExchange(
    _ sent: UnsafeRawBufferPointer, to: Int, _ received: UnsafeMutableRawBufferPointer, from: Int, tag: Int
  ) throws -> any StartedExchange {
    PutOffExchange { [meeting, rank] in
      if !sent.isEmpty { try meeting.post(sent, from: rank, to: to) }
      if !received.isEmpty { try meeting.receive(received, from: from, to: rank) }
      if !sent.isEmpty { try meeting.waitUntilTaken(from: rank, to: to) }
    }
  }

  public func abort(status: Int32) -> Never {
    exit(status)
  }

  // Threads end together, and what is asked of one is asked of all.
  public func set(_ limits: StallLimits) {}
  public func whileWaiting(_ body: @escaping () -> Void) {}
  public func attend() -> Bool { false }
  public func attend(to what: String, for time: Duration) {}
  public func callRoot() {}

  /// Shows every rank's pointer to every rank while all run `body`.
  private func meet(
    _ pointer: UnsafeMutableRawPointer, _ body: ([UnsafeMutableRawPointer]) -> Void
  ) throws {
    let all = try meeting.exchange(pointer, rank: rank)
    body(all)
    try meeting.wait()
  }
}

private final class PutOffExchange: StartedExchange {
  private let exchange: () throws -> Void
  private var isOver = false

  init(_ exchange: @escaping () throws -> Void) { self.exchange = exchange }

  func advance() -> Bool { isOver }

  func wait() throws {
    guard !isOver else { return }
    try exchange()
    isOver = true
  }
}

/// This machine's name.
public func hostName() -> String {
  withUnsafeTemporaryAllocation(of: CChar.self, capacity: 256) { buffer in
    buffer.initialize(repeating: 0)
    guard gethostname(buffer.baseAddress!, buffer.count - 1) == 0 else { return "localhost" }
    return String(cString: buffer.baseAddress!)
  }
}

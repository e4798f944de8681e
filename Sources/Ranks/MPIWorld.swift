import CMPIShim
import Glibc
import Kernels

/// The ranks that Open MPI's `mpirun` started, one process each.
public final class MPIWorld: World {
  public let rank: Int
  public let size: Int
  public private(set) var hosts: [String] = []
  private var watch: StallWatch!

  /// Starts MPI. To be called once in a process, by its main thread.
  ///
  /// - Parameters:
  ///   - secondsToStart: ends this process where MPI waits for longer than that for other ranks to start.
  ///   - say: shows the user a line about ranks that hang.
  /// - Throws: ``RankError``.
  public init(
    secondsToStart: Double = StallLimits().timeout / .seconds(1), _ say: @escaping (String) -> Void = { _ in }
  ) throws {
    Self.keepOffNetworkOnOneHost()
    try check("MPI_Init", cmpi_init(UInt32(min(max(secondsToStart, 1), 1e9).rounded(.up))))
    var (rank, size): (Int32, Int32) = (0, 0)
    try check("MPI_Comm_rank", cmpi_rank(&rank))
    try check("MPI_Comm_size", cmpi_size(&size))
    self.rank = Int(rank)
    self.size = Int(size)
    hosts = try gatherHosts()
    try sayWhoLeaves(say)
    watch = StallWatch(rank: self.rank, hosts: hosts, line(say))
    cmpi_set_idle(
      { context, calls in Unmanaged<StallWatch>.fromOpaque(context!).takeUnretainedValue().wait(calls: calls)
      },
      Unmanaged.passUnretained(watch!).toOpaque())
  }

  deinit { cmpi_set_idle(nil, nil) }

  /// Ranks that are all on this host need not listen for others on its networks: Open MPI authenticates nobody there. What the user has told it stays.
  private static func keepOffNetworkOnOneHost() {
    guard let size = getenv("OMPI_COMM_WORLD_SIZE"), let local = getenv("OMPI_COMM_WORLD_LOCAL_SIZE"),
      strcmp(size, local) == 0
    else { return }
    setenv("OMPI_MCA_btl", "self,vader", 0)
  }

  /// Names this rank where a library ends its process: mpirun would name no host.
  private func sayWhoLeaves(_ say: @escaping (String) -> Void) throws {
    final class Leaver {
      let tell: (Int32) -> Void
      init(_ tell: @escaping (Int32) -> Void) { self.tell = tell }
    }
    let name = "rank \(rank) on \(host)"
    // For as long as the process lives.
    let leaver = Unmanaged.passRetained(Leaver { say("error: \(name) left the run with status \($0)") })
    try check(
      "on_exit",
      cmpi_on_leaving(
        { context, status in Unmanaged<Leaver>.fromOpaque(context!).takeUnretainedValue().tell(status) },
        leaver.toOpaque()))
  }

  private func gatherHosts() throws -> [String] {
    let host = try text { try check("MPI_Get_processor_name", cmpi_host_name($0)) }
    // Names are not longer than that; those of clusters differ before.
    var name = [UInt8](repeating: 0, count: 64)
    for (index, byte) in host.utf8.prefix(name.count).enumerated() { name[index] = byte }
    var all = [UInt8](repeating: 0, count: name.count * size)
    try name.withUnsafeBytes { local in try all.withUnsafeMutableBytes { try allGather(local, into: $0) } }
    return (0..<size).map { rank in
      String(decoding: all[rank * name.count..<(rank + 1) * name.count].prefix { $0 != 0 }, as: UTF8.self)
    }
  }

  private func line(_ say: @escaping (String) -> Void) -> StallWatch.Line {
    let name = "rank \(rank) on \(host)"
    return StallWatch.Line(
      tell: { _ = cmpi_tell(Int32($0), $1.rawValue) },
      told: {
        var (rank, note): (Int32, Int32) = (-1, 0)
        guard cmpi_told(&rank, &note) == 0, rank >= 0 else { return nil }
        return StallWatch.Note(rawValue: note).map { (Int(rank), $0) }
      },
      warn: { say("warning: \(name) \($0)") },
      end: {
        say("error: \(name) \($0)")
        // Where a host is gone, MPI may not even manage to give up.
        alarm(10)
        cmpi_abort(EXIT_FAILURE)
        exit(EXIT_FAILURE)
      })
  }

  public func set(_ limits: StallLimits) { watch.set(limits) }
  public func whileWaiting(_ body: @escaping () -> Void) { watch.whileWaiting = body }
  public func attend() -> Bool { watch.attend() }
  public func attend(to what: String, for time: Duration) { watch.attend(to: what, for: time) }
  public func callRoot() { watch.callRoot() }

  /// Ends MPI. Every rank must call it.
  public func finish() throws {
    try barrier()
    try check("MPI_Finalize", cmpi_finalize())
  }

  public func barrier() throws {
    try check("MPI_Barrier", cmpi_barrier())
  }

  public func sum(_ values: Vector) throws {
    try check("MPI_Allreduce", cmpi_sum_floats(values.base, values.count))
  }

  public func sum(_ values: UnsafeMutableBufferPointer<Double>) throws {
    guard let base = values.baseAddress else { return }
    try check("MPI_Allreduce", cmpi_sum_doubles(base, values.count))
  }

  public func broadcast(_ bytes: UnsafeMutableRawBufferPointer) throws {
    guard let base = bytes.baseAddress else { return }
    try check("MPI_Bcast", cmpi_broadcast(base, bytes.count, 0))
  }

  public func allGather(
    _ local: UnsafeRawBufferPointer, into all: UnsafeMutableRawBufferPointer
  ) throws {
    precondition(all.count == local.count * size)
    guard let localBase = local.baseAddress, let allBase = all.baseAddress else { return }
    try check("MPI_Allgather", cmpi_all_gather(localBase, local.count, allBase))
  }

  public func send(_ bytes: UnsafeRawBufferPointer, to rank: Int) throws {
    guard let base = bytes.baseAddress else { return }
    try check("MPI_Send", cmpi_send(base, bytes.count, Int32(rank)))
  }

  public func receive(_ bytes: UnsafeMutableRawBufferPointer, from rank: Int) throws {
    guard let base = bytes.baseAddress else { return }
    try check("MPI_Recv", cmpi_receive(base, bytes.count, Int32(rank)))
  }

  public func startExchange(
    _ sent: UnsafeRawBufferPointer, to: Int, _ received: UnsafeMutableRawBufferPointer, from: Int, tag: Int
  ) throws -> any StartedExchange {
    var started: OpaquePointer?
    let code = cmpi_start_exchange(
      sent.baseAddress, sent.count, Int32(to), received.baseAddress, received.count, Int32(from), Int32(tag),
      &started)
    let exchange = MPIExchange(started)
    try check("MPI_Isend or MPI_Irecv", code)
    return exchange
  }

  public func abort(status: Int32) -> Never {
    cmpi_abort(status)
    exit(status)
  }
}

private final class MPIExchange: StartedExchange {
  private let exchange: OpaquePointer?
  private var isOver = false

  init(_ exchange: OpaquePointer?) { self.exchange = exchange }

  deinit { cmpi_forget_exchange(exchange) }

  func advance() throws -> Bool {
    if isOver { return true }
    var over: Int32 = 0
    try check("MPI_Testall", cmpi_test_exchange(exchange, &over))
    isOver = over != 0
    return isOver
  }

  func wait() throws {
    if isOver { return }
    try check("MPI_Waitall", cmpi_wait_exchange(exchange))
    isOver = true
  }
}

private func check(_ call: String, _ code: Int32) throws {
  guard code == 0 else {
    throw RankError.library(call: call, message: text { cmpi_error_string(code, $0) })
  }
}

/// What `write` puts into a buffer of the shim's text size.
private func text(_ write: (UnsafeMutablePointer<CChar>) throws -> Void) rethrows -> String {
  try withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(CMPI_TEXT_SIZE)) { buffer in
    buffer.initialize(repeating: 0)
    try write(buffer.baseAddress!)
    return String(cString: buffer.baseAddress!)
  }
}

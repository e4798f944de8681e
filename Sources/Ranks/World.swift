import Kernels

/// The ranks of one run, as seen by one of them.
///
/// All collective calls must be made by every rank in the same order with sizes that agree; none may stand
/// inside an `if` on the rank. They throw ``RankError`` where communication fails.
///
/// The requirements move plain bytes; `World+Arrays.swift` has the typed calls that programs use.
public protocol World: AnyObject {
  /// From 0 to `size - 1`.
  var rank: Int { get }
  var size: Int { get }
  /// The names of the machines on which ranks run, one for each rank.
  var hosts: [String] { get }

  /// Returns when every rank has called it.
  func barrier() throws
  /// Replaces `values` by their element-wise sum over all ranks, the same bits on every rank.
  func sum(_ values: Vector) throws
  func sum(_ values: UnsafeMutableBufferPointer<Double>) throws
  /// Copies the bytes of rank 0 to all ranks.
  func broadcast(_ bytes: UnsafeMutableRawBufferPointer) throws
  /// Collects the equally many bytes of every rank, in the order of ranks, on every rank.
  func allGather(_ local: UnsafeRawBufferPointer, into all: UnsafeMutableRawBufferPointer) throws
  /// Sends to one rank, which receives exactly as many bytes.
  func send(_ bytes: UnsafeRawBufferPointer, to rank: Int) throws
  func receive(_ bytes: UnsafeMutableRawBufferPointer, from rank: Int) throws
  /// Starts to send to one rank and to receive from another. Nothing is sent to the one or awaited from the other where there are no
  /// bytes. Between two ranks, exchanges of the same `tag` meet in the order in which they are started. The bytes must stay as they are until
  /// the exchange is over.
  func startExchange(
    _ sent: UnsafeRawBufferPointer, to: Int, _ received: UnsafeMutableRawBufferPointer, from: Int, tag: Int
  ) throws -> any StartedExchange

  /// Ends every rank at once, because this one cannot go on; `status` becomes the run's exit status.
  func abort(status: Int32) -> Never

  /// When to say that a rank hangs, and when to end because of it.
  func set(_ limits: StallLimits)
  /// Called now and then while this rank waits for others for long.
  func whileWaiting(_ body: @escaping () -> Void)
  /// Tells those that wait for this rank that it is at work. To be called now and then by a rank that lets others wait for long.
  ///
  /// - Returns: whether another rank has called for attention.
  func attend() -> Bool
  /// As ``attend()``, for one thing that is done for long; it is said when that is very long.
  ///
  /// - Parameters:
  ///   - what: such as "writing a checkpoint".
  ///   - time: since it began.
  func attend(to what: String, for time: Duration)
  /// Asks rank 0 for attention, if it can give any.
  func callRoot()
}

/// An exchange that goes on while its rank does something else. Ranks wait for theirs in the same order.
public protocol StartedExchange: AnyObject {
  /// Moves what can be moved without waiting, and returns whether that was the last.
  func advance() throws -> Bool
  /// Returns when it is over.
  func wait() throws
}

extension World {
  /// Sends to one rank while receiving from another, so that ranks in a circle do not wait for each other.
  public func exchange(
    _ sent: UnsafeRawBufferPointer, to: Int, _ received: UnsafeMutableRawBufferPointer, from: Int
  ) throws {
    try startExchange(sent, to: to, received, from: from, tag: 0).wait()
  }

  /// The name of the machine this rank runs on.
  public var host: String { hosts[rank] }

  /// Rank 0: it alone reads texts, validates, writes files and speaks to the user.
  public var isRoot: Bool { rank == 0 }
}

/// Communication between ranks that failed.
public enum RankError: Error, CustomStringConvertible {
  /// The message-passing library reported an error.
  case library(call: String, message: String)
  /// Another rank has failed, so this one cannot go on (ranks in one process only).
  case otherRankFailed
  /// Started by a launcher that this program does not understand.
  case unknownLauncher(variable: String)

  public var description: String {
    switch self {
    case .library(let call, let message): "\(call) failed: \(message)"
    case .otherRankFailed: "another rank has failed"
    case .unknownLauncher(let variable):
      "expected to be started by Open MPI's mpirun, found another launcher (\(variable) is set): "
        + "every process would train on its own"
    }
  }
}

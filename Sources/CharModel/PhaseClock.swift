import Glibc

/// Measures where the time of training steps goes.
///
/// One phase follows the other: ``enter(_:)`` ends the one before. Not entered, it costs nothing; entered, two hundredths of a
/// microsecond or so.
public final class PhaseClock {
  public enum Phase: Int, CaseIterable, Sendable {
    /// Reading the window's characters.
    case text
    /// What tokens give to the first layer, forward and backward.
    case embed
    case forward
    /// Softmax, loss and their gradient.
    case loss
    case backward
    /// Adding up the ranks' gradients, and sharing the parameters.
    case reduce
    case optimizer
  }

  /// A phase from one time to another, in nanoseconds of the system's monotonic clock.
  public struct Span: BitwiseCopyable, Sendable {
    public let phase: UInt8
    public let start: UInt64
    public let end: UInt64
  }

  /// The spans of the first steps, as many as were asked for.
  public private(set) var spans: [Span] = []
  private let spanCapacity: Int
  private var totals = [UInt64](repeating: 0, count: Phase.allCases.count)
  private var current: Phase?
  private var start: UInt64 = 0

  /// - Parameter spanCapacity: how many spans to keep, from the first on.
  public init(spanCapacity: Int = 0) {
    self.spanCapacity = spanCapacity
    spans.reserveCapacity(spanCapacity)
  }

  public func enter(_ phase: Phase) {
    let now = Self.now()
    close(at: now)
    current = phase
    start = now
  }

  /// Ends the phase at hand.
  public func stop() {
    close(at: Self.now())
    current = nil
  }

  /// Forgets what has been measured.
  public func reset() {
    for index in totals.indices { totals[index] = 0 }
    spans.removeAll(keepingCapacity: true)
  }

  /// Since the last reset.
  public func seconds(in phase: Phase) -> Double { Double(totals[phase.rawValue]) * 1e-9 }

  /// In all but waiting for other ranks and exchanging data with them.
  public var secondsComputing: Double {
    Phase.allCases.filter { $0 != .reduce }.reduce(0) { $0 + seconds(in: $1) }
  }

  private func close(at now: UInt64) {
    guard let current else { return }
    totals[current.rawValue] += now - start
    if spans.count < spanCapacity {
      spans.append(Span(phase: UInt8(current.rawValue), start: start, end: now))
    }
  }

  /// In nanoseconds, since some time before this process.
  public static func now() -> UInt64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
  }
}

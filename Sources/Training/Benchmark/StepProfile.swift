import CharModel
import Ranks
import Storage

/// The phases of a run's first steps on every rank, as a trace that Perfetto and Chrome's `about:tracing` open.
///
/// Source of the format: "Trace Event Format", the Chromium project.
public final class StepProfile {
  /// As many steps as a trace holds: enough to see, not too many to open.
  public static let steps = 1000
  /// The phases of a step, some of them entered more than once.
  private static let spansPerStep = 16

  private let world: any World
  let clock = PhaseClock(spanCapacity: steps * spansPerStep)
  /// A moment that all ranks have in common, on this rank's clock: hosts' clocks count from different times.
  private let origin: UInt64

  /// - Throws: `RankError`.
  init(_ world: any World) throws {
    self.world = world
    try world.barrier()
    origin = PhaseClock.now()
  }

  /// Collects all ranks' phases and writes them to `path`, on rank 0. To be called on every rank.
  ///
  /// - Throws: `AgreedFailure` of `StorageError`; `RankError`.
  public func write(to path: String) throws {
    let events = clock.spans.map { Event(span: $0, origin: origin, rank: world.rank) }
    let own = [Event(nameOf: world.rank, host: world.host)] + events
    let all = try world.gatherBytes(Array(try own.map { try JSON.line($0) }.joined(separator: ",\n").utf8))
    try world.onRoot {
      try writeAtomically(to: path) { file in
        try file.write("{\"displayTimeUnit\":\"ms\",\"traceEvents\":[\n")
        for (rank, events) in all!.enumerated() {
          try file.write((rank == 0 ? "" : ",\n") + String(decoding: events, as: UTF8.self))
        }
        try file.write("\n]}\n")
      }
    }
  }

  /// One line of a trace. Times are in microseconds.
  private struct Event: Encodable {
    let name: String
    let ph: String
    let pid: Int
    let tid: Int
    var ts: Double?
    var dur: Double?
    var args: [String: String]?

    /// A phase.
    init(span: PhaseClock.Span, origin: UInt64, rank: Int) {
      name = "\(PhaseClock.Phase(rawValue: Int(span.phase))!)"
      ph = "X"
      pid = 0
      tid = rank
      ts = Double(span.start - origin) / 1000
      dur = Double(span.end - span.start) / 1000
    }

    /// What the rank's line is called.
    init(nameOf rank: Int, host: String) {
      name = "thread_name"
      ph = "M"
      pid = 0
      tid = rank
      args = ["name": "rank \(rank) on \(host)"]
    }
  }
}

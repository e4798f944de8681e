import Dispatch

/// A failure that every rank knows of, so that all can end in order.
public struct AgreedFailure: Error {
  /// The rank that has the cause and should report it.
  public let speaker: Int
  /// On the speaker; the others may not know it.
  public let cause: (any Error)?

  public init(speaker: Int = 0, cause: (any Error)?) {
    self.speaker = speaker
    self.cause = cause
  }
}

extension World {
  /// Runs `body` on rank 0 alone; whatever it throws ends all ranks in the same way.
  ///
  /// - Returns: the result on rank 0, nil on the others.
  /// - Throws: ``AgreedFailure`` on every rank if `body` throws.
  public func onRoot<Result>(_ body: () throws -> Result) throws -> Result? {
    try settled(isRoot ? Swift.Result(catching: body) : nil)
  }

  /// As ``onRoot(_:)``, for what may take minutes: the other ranks know that rank 0 is at it.
  ///
  /// - Parameters:
  ///   - what: what it does, such as "writing a checkpoint", for the user of whom it asks patience.
  ///   - body: it must not communicate.
  public func onRoot<Result>(_ what: String, _ body: () throws -> Result) throws -> Result? {
    try settled(isRoot ? attending(what, body) : nil)
  }

  private func settled<Result>(_ outcome: Swift.Result<Result, any Error>?) throws -> Result? {
    if let failure = try failure(outcome?.failure) { throw failure }
    return try outcome?.get()
  }

  /// Runs `body` on every rank; if it throws on any of them, all end in the same way.
  ///
  /// - Throws: ``AgreedFailure`` on every rank if `body` throws on one.
  public func onAll<Result>(_ body: () throws -> Result) throws -> Result {
    let outcome = Swift.Result(catching: body)
    if let failure = try failure(outcome.failure) { throw failure }
    return try outcome.get()
  }

  /// Runs `body` on a thread of its own while this one, which alone may communicate, answers the other ranks.
  private func attending<Result>(_ what: String, _ body: () throws -> Result)
    -> Swift.Result<Result, any Error>
  {
    withoutActuallyEscaping(body) { body in
      let job = UncheckedJob(body: body)
      let end = DispatchSemaphore(value: 0)
      let thread = RankThread {
        defer { end.signal() }
        job.outcome = Swift.Result(catching: job.body)
      }
      let clock = ContinuousClock()
      let start = clock.now
      while end.wait(timeout: .now() + .milliseconds(10)) == .timedOut {
        attend(to: what, for: clock.now - start)
      }
      _ = thread.join()
      return job.outcome!
    }
  }

  /// Tells every rank of every rank's failure, if there is one.
  private func failure(_ local: (any Error)?) throws -> AgreedFailure? {
    let failed: [UInt8] = try allGather(local == nil ? 0 : 1)
    return failed.firstIndex(of: 1).map { AgreedFailure(speaker: $0, cause: $0 == rank ? local : nil) }
  }
}

/// What one thread does for another, which waits for it.
private final class UncheckedJob<Result>: @unchecked Sendable {
  let body: () throws -> Result
  var outcome: Swift.Result<Result, any Error>?

  init(body: @escaping () throws -> Result) { self.body = body }
}

extension Result {
  fileprivate var failure: Failure? {
    if case .failure(let error) = self { error } else { nil }
  }
}

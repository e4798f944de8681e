extension World {
  /// Runs `body` on rank 0 alone; whatever it throws ends all ranks in the same way.
  ///
  /// - Returns: the result on rank 0, nil on the others.
  /// - Throws: ``AgreedFailure`` on every rank if `body` throws.
  public func onRoot<Result>(_ body: () throws -> Result) throws -> Result? {
    var outcome: Swift.Result<Result, any Error>?
    if isRoot { outcome = Swift.Result(catching: body) }
    var failed = false
    if case .failure = outcome { failed = true }
    let rootFailed = try broadcast(failed ? 1 : 0 as UInt8) == 1
    guard rootFailed else { return try outcome?.get() }
    if case .failure(let error) = outcome { throw AgreedFailure(cause: error) }
    throw AgreedFailure(cause: nil)
  }
}

/// A failure that every rank knows of, so that all can end in order. Rank 0 has the cause; the others may not.
public struct AgreedFailure: Error {
  public let cause: (any Error)?

  public init(cause: (any Error)?) { self.cause = cause }
}

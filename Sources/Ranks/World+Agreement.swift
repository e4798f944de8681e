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
    let outcome = isRoot ? Swift.Result(catching: body) : nil
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

  /// Tells every rank of every rank's failure, if there is one.
  private func failure(_ local: (any Error)?) throws -> AgreedFailure? {
    let failed: [UInt8] = try allGather(local == nil ? 0 : 1)
    return failed.firstIndex(of: 1).map { AgreedFailure(speaker: $0, cause: $0 == rank ? local : nil) }
  }
}

extension Result {
  fileprivate var failure: Failure? {
    if case .failure(let error) = self { error } else { nil }
  }
}

import CharModel
import Kernels
import Ranks

/// Ranks whose parameters are no longer the same.
public struct RanksDiffer: Error, CustomStringConvertible {
  /// The step after which they were compared.
  public let step: Int
  /// Those that do not agree with rank 0.
  public let ranks: [Int]

  public var description: String {
    let names = ranks.map(String.init).joined(separator: ", ")
    return "after step \(step), expected the same parameters on all ranks, found others on rank \(names)"
  }
}

extension Trainer {
  /// A hash of the parameters' bits.
  public var parametersHash: UInt64 { bitHash(parameters.flat) }

  /// Compares a hash of the parameters' bits across all ranks.
  ///
  /// - Throws: `AgreedFailure` of ``RanksDiffer`` if not all are the same; `RankError`.
  public func checkRanksAgree() throws {
    let hashes = try world.allGather(parametersHash)
    let others = hashes.indices.filter { hashes[$0] != hashes[0] }
    guard others.isEmpty else { throw AgreedFailure(cause: RanksDiffer(step: progress.step, ranks: others)) }
  }
}

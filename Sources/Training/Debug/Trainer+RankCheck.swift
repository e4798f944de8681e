import CharModel
import Kernels
import Ranks

/// Ranks whose parameters are no longer the same.
public struct RanksDiffer: Error, CustomStringConvertible {
  /// The step after which they were compared.
  public let step: Int
  /// Those that do not agree with most of the ranks.
  public let ranks: [Int]
  /// Whether the others are more than half of all: else nobody can say who is right.
  public let areFewer: Bool

  public var description: String {
    let names = ranks.map(String.init).joined(separator: ", ")
    let doubt = areFewer ? "" : " (or the others are wrong: they are no majority)"
    return
      "after step \(step), expected the same parameters on all ranks, found others on rank \(names)\(doubt)"
  }
}

extension Trainer {
  /// The indices of the values that are not what most are; where two are as many, the first of all is taken to be right.
  static func minority<Value: Hashable>(_ values: [Value]) -> [Int] {
    let counts = Dictionary(values.map { ($0, 1) }, uniquingKeysWith: +)
    let usual = values.first { counts[$0] == counts.values.max() }
    return values.indices.filter { values[$0] != usual }
  }

  /// A hash of the parameters' bits.
  public var parametersHash: UInt64 { bitHash(parameters.flat) }

  /// Compares across all ranks the parameters as they are and as every step so far has found them.
  ///
  /// The second matters because ranks give each other the parameters that they have moved: what went wrong on one rank in
  /// between would else be gone, or have reached all, before the comparison.
  ///
  /// - Throws: `AgreedFailure` of ``RanksDiffer`` if not all are the same; `RankError`.
  public func checkRanksAgree() throws {
    let hashes = try world.allGather(SIMD2(parametersHash, usedParametersHash))
    let others = Self.minority(hashes)
    guard others.isEmpty else {
      throw AgreedFailure(
        cause: RanksDiffer(step: progress.step, ranks: others, areFewer: 2 * others.count < world.size))
    }
  }
}

import CProcessor
import Ranks
import Text

/// The version of the program and of what it writes down about itself.
public let programVersion = "0.1.0"

/// A rank that was started otherwise than the rest.
public struct RankStartedOtherwise: Error, CustomStringConvertible {
  public let rank: Int
  public let host: String
  public let what: String
  public let expected: String
  public let found: String

  public var description: String {
    "rank \(rank) on \(host): expected \(what) \(expected) as on the other ranks, found \(found)"
  }
}

extension TrainingConfig {
  /// Compares across all ranks the program, what processors it was built for, and every option.
  ///
  /// - Throws: `AgreedFailure` of ``RankStartedOtherwise`` if not all are the same; `RankError`.
  func checkAllRanksStartedAlike(_ world: any World) throws {
    if world.size == 1 { return }
    let own =
      [Trait("version", programVersion), Trait("a build for x86-64 level", "\(cprocessor_built_level())")]
      + optionTraits
    let all = try world.gatherBytes(Array(try JSON.line([Trait("host", world.host)] + own).utf8))
    try world.onRoot {
      let traits = try all!.map { try JSON.decode([Trait].self, from: String(decoding: $0, as: UTF8.self)) }
      for rank in traits.indices where traits[rank].dropFirst() != traits[0].dropFirst() {
        for index in 1..<max(traits[0].count, traits[rank].count) {
          let expected = index < traits[0].count ? traits[0][index] : Trait("", "nothing")
          let found = index < traits[rank].count ? traits[rank][index] : Trait(expected.name, "nothing")
          guard expected != found else { continue }
          throw RankStartedOtherwise(
            rank: rank, host: traits[rank][0].value, what: expected.name, expected: expected.value,
            found: found.value)
        }
      }
    }
  }

  /// Every option as it is written on the command line, with its value.
  private var optionTraits: [Trait] {
    guard let text = try? JSON.line(self), let values = try? JSON.decode([String: JSONValue].self, from: text)
    else {
      return []
    }
    return values.sorted { $0.key < $1.key }.map { name, value in
      Trait("--\(name.hyphenated)", (try? JSON.line(value)) ?? "")
    }
  }
}

extension SharedText {
  /// Checks on every rank that its streams are made of the vocabulary that all have.
  ///
  /// - Throws: `AgreedFailure` of ``RankStartedOtherwise`` if not; `RankError`.
  func checkVocabulary(_ world: any World) throws {
    let counts = try world.allGather(vocabularyCount)
    try world.onAll {
      guard vocabularyCount == counts[0], Int(streams.largestToken) < vocabularyCount else {
        throw RankStartedOtherwise(
          rank: world.rank, host: world.host, what: "tokens of a vocabulary of", expected: "\(counts[0])",
          found: "\(max(vocabularyCount, Int(streams.largestToken) + 1))")
      }
    }
  }
}

/// What a rank was started with, one thing of many.
private struct Trait: Codable, Equatable {
  let name: String
  let value: String

  init(_ name: String, _ value: String) {
    self.name = name
    self.value = value
  }
}

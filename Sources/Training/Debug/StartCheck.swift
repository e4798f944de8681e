import CProcessor
import Kernels
import Ranks
import Storage
import Text

/// The version of the program.
public let programVersion = "0.1.0"

/// A rank that was started otherwise than the rest.
public struct RankStartedOtherwise: Error, CustomStringConvertible {
  public let rank: Int
  public let host: String
  public let what: String
  public let expected: String
  public let found: String

  public var description: String {
    "rank \(rank) on \(host): expected \(what) \(expected) as on other ranks, found \(found)"
  }
}

/// Something that a rank was started with, which must be the same on all.
public struct StartTrait: Codable, Hashable, Sendable {
  public let name: String
  public let value: String

  public init(_ name: String, _ value: String) {
    self.name = name
    self.value = value
  }

  /// The program, what processors it was built for, and its arguments.
  ///
  /// - Parameter arguments: of the command line, without the program's name.
  public static func ofProcess(_ arguments: [String]) throws -> [StartTrait] {
    let build = String(try contentHash(ofFile: "/proc/self/exe"), radix: 16)
    return [
      StartTrait("a build for x86-64 level", "\(cprocessor_built_level())"),
      StartTrait("version", "\(programVersion), build \(build),"),
    ]
      + arguments.indices.map { index in
        // An option's value is shown with the option.
        let isValue = index > 0 && arguments[index - 1].hasPrefix("--") && !arguments[index].hasPrefix("-")
        return StartTrait(isValue ? arguments[index - 1] : "argument \(index + 1):", arguments[index])
      }
  }

  /// FNV-1a over words of eight bytes, what is left of each piece left out.
  private static func contentHash(ofFile path: String) throws -> UInt64 {
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    try readPieces(of: path) { piece in
      piece.withUnsafeBytes { bytes in
        for offset in stride(from: 0, to: bytes.count - 7, by: 8) {
          hash =
            (hash ^ bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self)) &* 0x0000_0100_0000_01B3
        }
      }
    }
    return hash
  }
}

extension World {
  /// Compares across all ranks what they were started with. To be the first that ranks do together: whatever they do next may depend on it.
  ///
  /// - Throws: `AgreedFailure` of ``RankStartedOtherwise`` if not all are the same; `RankError`.
  public func checkStartedAlike(_ traits: [StartTrait]) throws {
    if size == 1 { return }
    let all = try gatherBytes(Array(try JSON.line([StartTrait("host", host)] + traits).utf8))
    try onRoot {
      let started = try all!.map {
        try JSON.decode([StartTrait].self, from: String(decoding: $0, as: UTF8.self))
      }
      let compared = started.map { $0.dropFirst() }
      guard let other = Trainer.minority(compared).first else { return }
      let usual = compared.indices.first { compared[$0] != compared[other] }!
      for index in 1..<max(started[usual].count, started[other].count) {
        let expected = index < started[usual].count ? started[usual][index] : nil
        let found = index < started[other].count ? started[other][index] : nil
        guard expected != found else { continue }
        throw RankStartedOtherwise(
          rank: other, host: started[other][0].value, what: (expected ?? found)!.name,
          expected: expected?.value ?? "nothing",
          found: found.map { $0.name == expected?.name ? $0.value : "\($0.name) \($0.value)" } ?? "nothing")
      }
    }
  }
}

extension TrainingConfig {
  /// Every option as it is written on the command line, with its value: for options that come from a file.
  func startTraits() throws -> [StartTrait] {
    let values = try JSON.decode([String: JSONValue].self, from: JSON.line(self))
    return try values.sorted { $0.key < $1.key }.map { StartTrait("--\($0.hyphenated)", try JSON.line($1)) }
  }
}

extension SharedText {
  /// Checks on every rank that its streams are made of the vocabulary, which rank 0 has made.
  ///
  /// - Throws: `AgreedFailure` of ``RankStartedOtherwise`` if not; `RankError`.
  func checkTokens(_ world: any World) throws {
    try world.onAll {
      guard Int(streams.largestToken) < vocabularyCount else {
        throw RankStartedOtherwise(
          rank: world.rank, host: world.host, what: "tokens below", expected: "\(vocabularyCount)",
          found: "\(streams.largestToken)")
      }
    }
  }
}

import Ranks
import Storage

/// Where one rank of a run is.
public struct Placement: Codable, Equatable, Sendable {
  public let rank: Int
  public let host: String
  /// The numbers of the processors that it may use, as Linux lists them: `0-3,8`.
  public let processors: String

  /// Of this rank.
  init(of world: any World) {
    rank = world.rank
    host = world.host
    processors = Processors().list
  }

  /// Of all ranks, on rank 0; nil on the others.
  ///
  /// - Throws: `RankError`.
  static func gather(_ world: any World) throws -> [Placement]? {
    let own = try JSON.line(Placement(of: world))
    return try world.gatherBytes(Array(own.utf8))?.map {
      try JSON.decode(Placement.self, from: String(decoding: $0, as: UTF8.self))
    }
  }
}

extension [Placement] {
  /// How many ranks are on each host.
  public var ranksByHost: [String: Int] { reduce(into: [:]) { $0[$1.host, default: 0] += 1 } }
}

/// What `config.json` holds: the options, and where the ranks are that the run was last started on.
struct RunDescription: Encodable {
  let config: TrainingConfig
  let placement: [Placement]

  func encode(to encoder: any Encoder) throws {
    try config.encode(to: encoder)
    var container = encoder.container(keyedBy: AnyKey.self)
    try container.encode(placement, forKey: AnyKey(stringValue: TrainingConfig.placementKey))
  }
}

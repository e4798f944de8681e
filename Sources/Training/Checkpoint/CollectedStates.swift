import CharModel
import Kernels
import Ranks
import Text

/// The hidden states of all streams of all ranks, on rank 0.
///
/// A checkpoint has them as `[L, B, H]` over all streams; on their way they are in rank order: each rank's
/// `[L, B, H]` over its own streams, one after the other.
public final class CollectedStates {
  /// `[L, B, H]` over the global B.
  let global: HiddenState
  private let shards: [Range<Int>]

  /// Zero.
  init(_ model: ModelConfig, _ shards: [Range<Int>]) {
    global = HiddenState(model, streams: shards.last!.upperBound)
    self.shards = shards
  }

  /// The parts of `h` (or of `c`) in rank order.
  private func parts(_ layer: (Int) -> Matrix) -> [Vector] {
    shards.flatMap { shard in (0..<global.config.layers).map { layer($0).rows(shard).elements } }
  }

  fileprivate var partsOfH: [Vector] { parts { global.h(layer: $0) } }
  fileprivate var partsOfC: [Vector] { global.c.count == 0 ? [] : parts { global.c(layer: $0) } }
}

extension Trainer {
  /// Makes Adam's moments and the average whole on every rank.
  ///
  /// - Throws: `RankError`.
  func makeWhole() throws {
    for (set, _) in parameterSets where set !== parameters { try reduction.share(set.flat) }
  }

  /// Collects on rank 0 what a checkpoint needs from the other ranks. Adam's moments and the average become whole on every rank.
  ///
  /// - Returns: on rank 0, nil on the others.
  /// - Throws: `RankError`.
  public func collectStates() throws -> CollectedStates? {
    try makeWhole()
    let h = try world.gather(state.h.array, counts: stateCounts(state.h))
    let c = try world.gather(state.c.array, counts: stateCounts(state.c))
    guard world.isRoot else { return nil }
    let states = CollectedStates(model, shards)
    for (values, parts) in [(h, states.partsOfH), (c, states.partsOfC)] {
      var next = 0
      for part in parts {
        part.copy(from: Array(values[next..<next + part.count]))
        next += part.count
      }
    }
    return states
  }

  /// Gives each rank the states of its streams.
  ///
  /// - Parameter states: on rank 0, nil on the others.
  /// - Throws: `RankError`.
  func distributeStates(_ states: CollectedStates?) throws {
    for (values, parts) in [(state.h, states?.partsOfH), (state.c, states?.partsOfC)] {
      let counts = stateCounts(values)
      let ends = counts.indices.map { counts[...$0].reduce(0, +) }
      let ranges = zip(ends, counts).map { $0 - $1..<$0 }
      let inRankOrder = parts?.flatMap(\.array) ?? []
      let received = try world.scatter(inRankOrder, parts: ranges)
      values.copy(from: world.isRoot ? Array(inRankOrder[ranges[0]]) : received)
    }
  }

  /// Every rank's streams.
  var shards: [Range<Int>] {
    (0..<world.size).map { StreamSplit.shard(streams: config.bs, rank: $0, ranks: world.size) }
  }

  /// How many elements of `h` (or `c`) each rank has.
  private func stateCounts(_ local: Vector) -> [Int] {
    shards.map { local.count == 0 ? 0 : $0.count * model.layers * model.hidden }
  }
}

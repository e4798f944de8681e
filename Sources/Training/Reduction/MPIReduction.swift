import CharModel
import Kernels
import Ranks
import Text

/// The sum of all ranks' gradients as the world computes it; every rank moves all parameters.
final class MPIReduction: GradientReduction {
  let parts: [GradientPart]
  let ownElements: [Range<Int>]
  private let world: any World
  private let streams: Int

  init(_ config: TrainingConfig, _ model: ModelConfig, _ world: any World) {
    self.world = world
    streams = StreamSplit.shard(streams: config.bs, rank: world.rank, ranks: world.size).count
    let gradient = ParameterSet(model)
    parts = [GradientPart(allOf: streams, gradient)]
    ownElements = [0..<gradient.flat.count]
  }

  func reached(_ point: BackwardPoint) {}

  func combine(_ loss: (Range<Int>) -> Double, _ requests: RunRequests) throws -> CombinedSums {
    var sums = [loss(0..<streams)] + requests.counts
    try world.sum(gradient.flat)
    try world.sum(&sums)
    return CombinedSums(
      loss: sums[0], gradientNorm: norm(gradient.flat), requests: RunRequests(counts: sums.dropFirst()))
  }

  func share(_ flat: Vector) {}
}

import CharModel
import Kernels
import Ranks
import Text

/// Sums over blocks of streams along one tree, whoever holds the blocks: the same bits on any number of ranks.
///
/// A layer's gradient is added up while the layers below are still going backward. Each rank ends with the sum over all blocks of its own
/// elements, moves these parameters, and gives them to all. What is summed over elements, for the norm, goes along a tree as well, over as many
/// sections of each layer's part of the flat array as there are blocks.
final class TreeReduction: GradientReduction {
  let parts: [GradientPart]
  var ownElements: [Range<Int>] { sum.ownElements }
  private let sum: TreeSum
  /// This rank's blocks, as ranges of its own streams.
  private let ownBlocks: [Range<Int>]

  init(_ config: TrainingConfig, _ model: ModelConfig, _ world: any World) {
    sum = TreeSum(world, blocks: config.blocks, chunks: ParameterLayout(model).layerChunks)
    let streams = sum.ownBlocks.map { StreamSplit.shard(streams: config.bs, rank: $0, ranks: config.blocks) }
    let first = streams[0].lowerBound
    let ownBlocks = streams.map { $0.lowerBound - first..<$0.upperBound - first }
    self.ownBlocks = ownBlocks
    let firstBlock = sum.ownBlocks.lowerBound
    parts = sum.ownNodes.map { node in
      let blocks = node.blocks.map { ownBlocks[$0 - firstBlock] }
      return GradientPart(node, streams: blocks, ParameterSet(model))
    }
  }

  func reached(_ point: BackwardPoint) throws {
    switch point {
    case .between: try sum.advance()
    case .layerEnded(let layer): try sum.start(chunk: layer, parts.map(\.gradient.flat))
    }
  }

  func combine(_ loss: (Range<Int>) -> Double, _ requests: RunRequests) throws -> CombinedSums {
    try sum.finish()
    let flat = gradient.flat
    let totals = try sum.totals(
      ofBlocks: ownBlocks.map(loss),
      ofSections: sum.ownSections.map { $0.map { squaredNorm(flat.slice($0)) } }, counts: requests.counts)
    return CombinedSums(
      loss: totals.blocks, gradientNorm: totals.sections.squareRoot(),
      requests: RunRequests(counts: totals.counts[...]))
  }

  func share(_ flat: Vector) throws { try sum.share(flat) }
}

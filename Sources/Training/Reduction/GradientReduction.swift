import CharModel
import Kernels
import Ranks

/// Makes one gradient and one loss of those of all ranks.
protocol GradientReduction {
  /// What this rank's backward pass is to write.
  var parts: [GradientPart] { get }
  /// The elements of the flat arrays that this rank moves.
  var ownElements: [Range<Int>] { get }

  /// Uses a moment of the backward pass: begins to add up what is final, goes on with what has begun.
  ///
  /// - Throws: `RankError`.
  func reached(_ point: BackwardPoint) throws
  /// Adds up all ranks' parts: ``gradient`` has the sum in ``ownElements``.
  ///
  /// - Parameters:
  ///   - loss: the loss over some of this rank's streams.
  ///   - requests: this rank's.
  /// - Throws: `RankError`.
  func combine(_ loss: (Range<Int>) -> Double, _ requests: RunRequests) throws -> CombinedSums
  /// Gives all ranks what each has in its own elements.
  ///
  /// - Throws: `RankError`.
  func share(_ flat: Vector) throws
}

/// What the ranks know together after a step's backward pass.
struct CombinedSums {
  /// Over all characters of the global batch, in nats.
  let loss: Double
  /// Of the whole gradient.
  let gradientNorm: Double
  /// Of any rank.
  let requests: RunRequests
}

extension GradientReduction {
  /// Where the sum is.
  var gradient: ParameterSet { parts[0].gradient }
}

func makeReduction(
  _ config: TrainingConfig, _ model: ModelConfig, _ world: any World
) -> any GradientReduction {
  config.reduce == .mpi || config.reasonAgainstTree(ranks: world.size) != nil
    ? MPIReduction(config, model, world) : TreeReduction(config, model, world)
}

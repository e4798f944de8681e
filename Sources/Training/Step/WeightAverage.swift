import CharModel
import Kernels

/// An exponentially weighted average of the parameters over the steps: what is validated, sampled and kept in place of the parameters
/// that training moves, where a run asks for it.
///
/// The weights of all steps so far sum to 1, as in Adam's bias correction, so that the average is one from the first step on.
/// Source: Polyak and Juditsky, 1992, in the exponential form that practice uses.
public final class WeightAverage {
  public let parameters: ParameterSet
  private let decay: Double

  init(_ model: ModelConfig, decay: Double) {
    parameters = ParameterSet(model)
    self.decay = decay
  }

  /// Takes in the parameters after their `count`th update; ranks may share the work.
  func add(_ current: ParameterSet, count: Int, in range: Range<Int>, _ team: ThreadTeam) {
    let part = Float((1 - decay) / (1 - PortableMath.power(decay, count)))
    let (average, current) = (parameters.flat.slice(range), current.flat.slice(range))
    team.share(range.count) { range, _ in
      moveTowards(current.slice(range), average.slice(range), part: part)
    }
  }
}

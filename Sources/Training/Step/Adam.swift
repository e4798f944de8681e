import CharModel
import Kernels

/// Adam's state over all parameters, and its step. A rank that moves some of the parameters only has moments of these
/// alone, until the ranks give each other theirs (``Trainer/collectStates()``).
public final class Adam {
  public static let beta1 = 0.9
  public static let beta2 = 0.999
  public static let epsilon = 1e-8

  public let firstMoment: ParameterSet
  public let secondMoment: ParameterSet
  /// The updates since the moments were zero.
  public internal(set) var stepCount = 0

  private let weightDecay: Double
  private let isDecoupled: Bool

  public init(_ model: ModelConfig, weightDecay: Double, decoupled: Bool) {
    firstMoment = ParameterSet(model)
    secondMoment = ParameterSet(model)
    self.weightDecay = weightDecay
    isDecoupled = decoupled
  }

  /// Sets the moments to zero.
  public func reset() {
    firstMoment.flat.fill(0)
    secondMoment.flat.fill(0)
    stepCount = 0
  }

  /// What to multiply a gradient of norm `norm` by so that its norm is at most `limit`; as PyTorch's
  /// `clip_grad_norm_`.
  public static func clippingScale(norm: Double, limit: Double) -> Double {
    min(1, limit / (norm + 1e-6))
  }

  /// Moves parameters against a gradient.
  ///
  /// - Parameters:
  ///   - parameters: changed.
  ///   - gradient: of the loss by them.
  ///   - learningRate: of this step.
  ///   - gradientScale: what the gradient is multiplied with first.
  ///   - ranges: the elements of the flat arrays to move, nil for all; ranks may share the work.
  ///   - team: the threads that share it further, nil for the caller alone.
  public func step(
    _ parameters: ParameterSet, _ gradient: ParameterSet, in ranges: [Range<Int>]? = nil,
    learningRate: Double,
    gradientScale: Double, _ team: ThreadTeam? = nil
  ) {
    stepCount += 1
    let coefficients = AdamCoefficients(
      learningRate: learningRate, beta1: Self.beta1, beta2: Self.beta2, epsilon: Self.epsilon,
      stepCount: stepCount,
      coupledWeightDecay: isDecoupled ? 0 : weightDecay,
      decoupledWeightDecay: isDecoupled ? weightDecay : 0,
      gradientScale: gradientScale)
    func move(_ part: Range<Int>) {
      adamUpdate(
        parameters: parameters.flat.slice(part), gradient: gradient.flat.slice(part),
        firstMoment: firstMoment.flat.slice(part), secondMoment: secondMoment.flat.slice(part), coefficients)
    }
    for range in ranges ?? [0..<parameters.flat.count] {
      guard let team else {
        move(range)
        continue
      }
      team.share(range.count) { part, _ in
        move(range.lowerBound + part.lowerBound..<range.lowerBound + part.upperBound)
      }
    }
  }
}

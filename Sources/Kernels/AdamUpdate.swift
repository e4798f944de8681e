/// The numbers of one Adam step that are the same for every parameter.
public struct AdamCoefficients: Sendable {
  public var learningRate: Double
  public var beta1: Double
  public var beta2: Double
  public var epsilon: Double
  /// The number of this update since the moments were zero; the first is 1.
  public var stepCount: Int
  /// Added to the gradient as `weightDecay * parameter` (L2 regularisation).
  public var coupledWeightDecay: Double
  /// Shrinks the parameter by `1 - learningRate * weightDecay` (AdamW).
  public var decoupledWeightDecay: Double
  /// Multiplies the gradient first (clipping by norm).
  public var gradientScale: Double

  public init(
    learningRate: Double, beta1: Double, beta2: Double, epsilon: Double, stepCount: Int,
    coupledWeightDecay: Double = 0, decoupledWeightDecay: Double = 0, gradientScale: Double = 1
  ) {
    self.learningRate = learningRate
    self.beta1 = beta1
    self.beta2 = beta2
    self.epsilon = epsilon
    self.stepCount = stepCount
    self.coupledWeightDecay = coupledWeightDecay
    self.decoupledWeightDecay = decoupledWeightDecay
    self.gradientScale = gradientScale
  }
}

/// One Adam step over flat arrays of equal length, `epsilon` outside the bias-corrected root.
///
/// `m = b1 m + (1 - b1) g`, `v = b2 v + (1 - b2) g^2`,
/// `p -= lr * (m / (1 - b1^t)) / (sqrt(v / (1 - b2^t)) + eps)`.
/// Source: Kingma and Ba, arXiv:1412.6980, in the form of PyTorch's `Adam`; AdamW: Loshchilov and
/// Hutter, arXiv:1711.05101.
public func adamUpdate(
  parameters p: Vector, gradient g: Vector, firstMoment m: Vector, secondMoment v: Vector,
  _ coefficients: AdamCoefficients
) {
  precondition(g.count == p.count && m.count == p.count && v.count == p.count)
  let c = coefficients
  let correction1 = 1 - PortableMath.power(c.beta1, c.stepCount)
  let correction2 = 1 - PortableMath.power(c.beta2, c.stepCount)
  let stepSize = Float(c.learningRate / correction1)
  let rootCorrection = Float(correction2.squareRoot())
  let (beta1, beta2) = (Float(c.beta1), Float(c.beta2))
  let (rest1, rest2) = (Float(1 - c.beta1), Float(1 - c.beta2))
  let epsilon = Float(c.epsilon)
  let gradientScale = Float(c.gradientScale)
  let coupled = Float(c.coupledWeightDecay)
  let shrink = Float(1 - c.learningRate * c.decoupledWeightDecay)
  for i in 0..<p.count {
    let gradient = g[i] * gradientScale + coupled * p[i]
    m[i] = beta1 * m[i] + rest1 * gradient
    v[i] = beta2 * v[i] + rest2 * gradient * gradient
    p[i] = p[i] * shrink - stepSize * m[i] / (v[i].squareRoot() / rootCorrection + epsilon)
  }
}

import Kernels

/// How long each step's window is: a pure function of the seed and the step, so the same on every rank.
///
/// With jitter it is the notebook's way (after Merity et al., arXiv:1708.02182): `b = bptt` with
/// probability 0.95, else `bptt / 2`; then `max(5, trunc(Normal(b, 5)))`.
public struct WindowLengths: Sendable {
  public let nominal: Int
  public let hasJitter: Bool
  private let random: RandomSource

  /// A time step's number, jitter included, must fit 16 bits of the random numbers' counter.
  public static let maximumNominal = 65_000

  private static let fullProbability = 0.95
  private static let deviation = 5.0
  private static let shortest = 5

  public init(nominal: Int, jitter: Bool, random: RandomSource) {
    self.nominal = nominal
    hasJitter = jitter
    self.random = random
  }

  /// The length for global step `step` with `left` units of every stream left to predict.
  public func length(step: Int, left: Int) -> Int {
    min(left, hasJitter ? randomLength(step) : nominal)
  }

  /// No window is longer.
  public var longest: Int {
    let drawn = Int(Double(nominal) + Self.deviation * RandomSource.largestNormal) + 1
    return hasJitter ? max(Self.shortest, drawn) : nominal
  }

  /// The steps after which an epoch over streams of `columns` units ends even if text is left, or nil. With
  /// jitter as in the notebook, whose loop runs over a nominal number of batches.
  public func maximumStepsPerEpoch(columns: Int) -> Int? {
    hasJitter ? max(1, columns / nominal - 1) : nil
  }

  /// The windows of nominal length in an epoch: those that a cosine schedule counts.
  public func nominalStepsPerEpoch(columns: Int) -> Int {
    maximumStepsPerEpoch(columns: columns) ?? (columns - 1 + nominal - 1) / nominal
  }

  private func randomLength(_ step: Int) -> Int {
    let site = RandomSource.Site(step: step)
    let isFull = random.uniform(.windowLength, site, unit: 0) < Self.fullProbability
    let mean = isFull ? Double(nominal) : Double(nominal) / 2
    // Normal number 2 draws on other bits of the site than uniform number 0.
    let drawn = mean + Self.deviation * random.normal(.windowLength, site, unit: 2)
    return max(Self.shortest, Int(drawn))
  }
}

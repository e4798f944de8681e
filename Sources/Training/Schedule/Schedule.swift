import Kernels

/// How the learning rate changes within a phase. Each is a pure function of the position in the phase, so that a
/// resumed run takes the same rates.
public enum Schedule: Equatable, Sendable {
  case constant
  /// Cosine annealing with warm restarts (Loshchilov and Hutter, arXiv:1608.03983), in the notebook's way: see
  /// ``CosineRestarts``.
  case cosine(CosineRestarts)
  /// From near zero up to the base rate over so many steps, then constant.
  case warmup(steps: Int)
  /// Up and down once over the whole phase (Smith and Topin, arXiv:1708.07120), with cosines, as PyTorch's `OneCycleLR`.
  case oneCycle

  /// Where in its phase a step is.
  public struct Position: Equatable, Sendable {
    /// Steps of the phase before this one.
    public var step: Int
    /// How much of the phase's text is used up, from 0 to 1.
    public var fraction: Double
    /// Windows of nominal length in an epoch.
    public var nominalStepsPerEpoch: Int

    public init(step: Int, fraction: Double, nominalStepsPerEpoch: Int) {
      self.step = step
      self.fraction = fraction
      self.nominalStepsPerEpoch = nominalStepsPerEpoch
    }
  }

  /// The learning rate of the step at `position`, for a phase of base rate `base`.
  public func rate(base: Double, at position: Position) -> Double {
    switch self {
    case .constant: base
    case .cosine(let restarts): restarts.rate(base: base, at: position)
    case .warmup(let steps): base * min(1, Double(position.step + 1) / Double(steps))
    case .oneCycle: OneCycle.rate(base: base, fraction: position.fraction)
    }
  }

  /// Whether the step at `position` is the last of a cycle.
  public func endsCycle(at position: Position) -> Bool {
    guard case .cosine(let restarts) = self else { return false }
    let cycle = restarts.cycle(at: position)
    return cycle.step == cycle.length - 1
  }
}

/// The notebook's cosine restarts.
///
/// The first cycle has `nb = cycleLength * nominal steps per epoch` steps, each further one `cycleMult` times as many
/// as the one before. While the phase's step index is under `nb / 20` the rate is `base / 100`; else it is
/// `base / 2 * (1 + cos(pi * c / nb))`, `c` counting the cycle's steps, those of the warm-up included.
public struct CosineRestarts: Equatable, Sendable {
  /// In epochs.
  public var cycleLength: Int
  public var cycleMult: Int

  public static let warmupDivisor = 20.0
  public static let warmupRateDivisor = 100.0

  public init(cycleLength: Int = 1, cycleMult: Int = 1) {
    self.cycleLength = cycleLength
    self.cycleMult = cycleMult
  }

  struct Cycle: Equatable {
    /// Steps of the cycle before this one.
    var step: Int
    var length: Int
  }

  func cycle(at position: Schedule.Position) -> Cycle {
    var cycle = Cycle(
      step: position.step, length: max(1, cycleLength * position.nominalStepsPerEpoch))
    while cycle.step >= cycle.length {
      cycle.step -= cycle.length
      cycle.length *= cycleMult
    }
    return cycle
  }

  func rate(base: Double, at position: Schedule.Position) -> Double {
    let cycle = cycle(at: position)
    if Double(position.step) < Double(cycle.length) / Self.warmupDivisor {
      return base / Self.warmupRateDivisor
    }
    return base / 2 * (1 + PortableMath.cos(.pi * Double(cycle.step) / Double(cycle.length)))
  }
}

private enum OneCycle {
  static let risingPart = 0.3
  static let startDivisor = 25.0
  static let endDivisor = 1e4

  static func rate(base: Double, fraction: Double) -> Double {
    let start = base / startDivisor
    if fraction < risingPart { return between(start, base, fraction / risingPart) }
    return between(base, start / endDivisor, (fraction - risingPart) / (1 - risingPart))
  }

  /// Half a cosine from `a` at 0 to `b` at 1.
  private static func between(_ a: Double, _ b: Double, _ part: Double) -> Double {
    b + (a - b) / 2 * (1 + PortableMath.cos(.pi * part))
  }
}

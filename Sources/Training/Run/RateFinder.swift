import CharModel
import Glibc
import Kernels
import Ranks

/// Looks for a good learning rate: the rate rises geometrically, step by step, until the loss explodes.
///
/// Source: Smith, "Cyclical learning rates for training neural networks", arXiv:1506.01186, in the form that
/// fast.ai made common.
public struct RateFinder {
  public struct Point: Codable, Equatable, Sendable {
    public let step: Int
    public let learningRate: Double
    /// In nats per character; nil where it was not finite.
    public let loss: Double?
    /// Smoothed as the training loss is.
    public let smoothedLoss: Double?

    public init(step: Int, learningRate: Double, loss: Double?, smoothedLoss: Double?) {
      self.step = step
      self.learningRate = learningRate
      self.loss = loss
      self.smoothedLoss = smoothedLoss
    }
  }

  public struct Outcome: Codable, Equatable, Sendable {
    public let points: [Point]
    /// Where the smoothed loss falls fastest over the logarithm of the rate; nil if it never falls.
    public let steepest: Double?
    /// A tenth of the rate with the lowest smoothed loss; nil if the loss never fell, or fell to the end, or that is below the first rate.
    public let minimumTenth: Double?
    /// Whether the loss was still falling at the last rate: then nobody knows how far it would have fallen.
    public let fallsAtEnd: Bool
  }

  /// What a first or last rate may be: far beyond any of use.
  public static let possibleRates = 1e-30...1e30

  /// The first and the last rate, among the ``possibleRates``.
  public let rates: ClosedRange<Double>
  public let steps: Int

  /// Stop where the smoothed loss exceeds its best this many times.
  public static let explosion = 4.0
  /// The first and last parts of the curve, in which the smoothed loss tells little, that no suggestion is taken from.
  fileprivate static let skippedPart = 0.05

  public init(rates: ClosedRange<Double>, steps: Int) {
    self.rates = rates
    self.steps = steps
  }

  /// The rate of step `step`.
  public func rate(_ step: Int) -> Double {
    let part = steps == 1 ? 0 : Double(step) / Double(steps - 1)
    return rates.lowerBound * PortableMath.exp(part * PortableMath.log(rates.upperBound / rates.lowerBound))
  }

  /// Runs on every rank; afterwards parameters, moments, hidden state and position are as they were.
  ///
  /// - Parameters:
  ///   - trainer: where training stands.
  ///   - onStep: given each point.
  /// - Throws: `RankError`.
  public func run(_ trainer: Trainer, onStep: (Point) -> Void = { _ in }) throws -> Outcome {
    let before = trainer.snapshot()
    defer { trainer.restore(before) }
    var smoothed = SmoothedLoss()
    var best = Double.infinity
    var points: [Point] = []
    trainer.beginWhatBegins()
    for step in 0..<steps {
      if trainer.isAtEndOfEpoch { trainer.restartText() }
      let record = try trainer.step(learningRate: rate(step))
      if record.isFinite { smoothed.add(record.loss) }
      let value = record.isFinite ? smoothed.value : nil
      let point = Point(
        step: step + 1, learningRate: rate(step), loss: record.loss.isFinite ? record.loss : nil,
        smoothedLoss: value)
      points.append(point)
      onStep(point)
      guard let value, value <= Self.explosion * best else { break }
      best = min(best, value)
    }
    return Outcome(points)
  }
}

extension RateFinder.Outcome {
  /// The suggestions for a curve.
  public init(_ points: [RateFinder.Point]) {
    let usable = points.filter { $0.smoothedLoss != nil }
    let skipped = Int(Double(usable.count) * RateFinder.skippedPart)
    let inner = usable.dropFirst(skipped).dropLast(skipped)
    let lowest = inner.min { $0.smoothedLoss! < $1.smoothedLoss! }
    let falling = inner.prefix { $0.step <= lowest?.step ?? 0 }
    let slopes = zip(falling, falling.dropFirst()).map { a, b in
      (
        rate: b.learningRate,
        slope: (b.smoothedLoss! - a.smoothedLoss!) / log(b.learningRate / a.learningRate)
      )
    }
    let steepest = slopes.min { $0.slope < $1.slope }
    self.points = points
    self.steepest = steepest.flatMap { $0.slope < 0 ? $0.rate : nil }
    fallsAtEnd = falling.count > 1 && lowest?.step == inner.last?.step && usable.count == points.count
    // Of a loss that never fell the lowest is its first.
    let tenth = lowest.map { $0.learningRate / 10 }.flatMap { $0 >= points[0].learningRate ? $0 : nil }
    minimumTenth = fallsAtEnd || self.steepest == nil ? nil : tenth
  }

  /// For people and programs to read.
  public var json: String {
    get throws { try JSON.page(self) + "\n" }
  }
}

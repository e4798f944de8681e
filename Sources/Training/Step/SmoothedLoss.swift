import Kernels

/// An exponentially weighted mean of the training loss, corrected for its start at zero.
public struct SmoothedLoss: Codable, Equatable, Sendable {
  public static let decay = 0.98

  private var average = 0.0
  /// The losses so far.
  private(set) var count = 0

  public init() {}

  public mutating func add(_ loss: Double) {
    average = Self.decay * average + (1 - Self.decay) * loss
    count += 1
  }

  /// In the unit of the losses; nil before the first.
  public var value: Double? {
    count == 0 ? nil : average / (1 - PortableMath.power(Self.decay, count))
  }
}

/// A stretch of training with settings of its own.
public struct Phase: Codable, Equatable, Sendable {
  public enum Moments: String, CaseIterable, Codable, Sendable {
    /// Go on with Adam's moments as the phase before left them.
    case keep
    /// Start with moments of zero, as a new optimizer does.
    case fresh
  }

  public var epochs: Int
  /// The learning rate.
  public var lr: Double
  public var adam: Moments

  /// Fast, then fine: enough for the built-in corpus.
  public static let standard = [Phase(epochs: 4, lr: 3e-3), Phase(epochs: 2, lr: 5e-4)]

  public init(epochs: Int, lr: Double, adam: Moments = .keep) {
    self.epochs = epochs
    self.lr = lr
    self.adam = adam
  }
}

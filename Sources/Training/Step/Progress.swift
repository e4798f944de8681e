/// How far a run has come: with the parameters, Adam's moments and the hidden states, all that it takes to go
/// on as if it had never stopped.
public struct Progress: Codable, Equatable, Sendable {
  /// Steps begun since the start of the run, skipped ones included; the next step's number.
  public var step = 0
  /// Epochs ended since the start of the run.
  public var epoch = 0
  /// The phase at hand, and its epochs ended.
  public var phase = 0
  public var epochInPhase = 0
  /// Where in every stream the next window starts, and the windows of this epoch so far.
  public var cursor = 0
  public var stepInEpoch = 0
  /// Adam's updates since its moments were zero.
  public var adamStep = 0
  public var smoothedLoss = SmoothedLoss()
  public var skippedSteps = 0
  public var skippedInARow = 0
  /// The lowest validation loss so far, in nats per character.
  public var bestValidLoss: Double?

  public init() {}
}

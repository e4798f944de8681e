/// How far a run has come: with the parameters, Adam's moments and the hidden states, all that it takes to go
/// on as if it had never stopped.
public struct Progress: Codable, Equatable, Sendable {
  /// Steps begun since the start of the run, skipped ones included; the next step's number.
  public var step = 0
  /// Epochs ended since the start of the run.
  public var epoch = 0
  /// The phase at hand, its epochs ended, and its steps begun.
  public var phase = 0
  public var epochInPhase = 0
  public var stepInPhase = 0
  /// The steps of the phase before.
  public var stepsOfLastPhase = 0
  /// The learning rate from which the phase's schedule reckons.
  public var baseRate = 0.0
  /// Where the schedule of the phase before had arrived at its end.
  public var carriedRate = 0.0
  /// What the texts were, so that a run goes on with no others: see `Tokens.fingerprint`.
  public var text = ""
  /// Where in every stream the next window starts, and the windows of this epoch so far.
  public var cursor = 0
  public var stepInEpoch = 0
  /// Cycles of schedules ended since the start of the run.
  public var cycle = 0
  /// Adam's updates since its moments were zero.
  public var adamStep = 0
  public var smoothedLoss = SmoothedLoss()
  public var skippedSteps = 0
  public var skippedInARow = 0
  /// Times that the run went back to a checkpoint because its numbers had gone wrong, the steps skipped before that,
  /// and what its rates are multiplied with since.
  public var rewinds = 0
  public var skippedBeforeRewinds = 0
  public var rateFactor = 1.0
  /// Times that the run went on after it had ended.
  public var restarts = 0
  /// The epoch that has ended and is not validated yet.
  public var epochToValidate: Int?
  /// The time that this epoch's steps have taken so far, and what they predicted.
  public var secondsInEpoch = 0.0
  public var charactersInEpoch = 0
  /// The lowest validation loss so far, in nats per character.
  public var bestValidLoss: Double?

  public init() {}

  /// Takes up the last phase again, where all are over and it has got more epochs.
  ///
  /// - Parameter epochs: those that it had.
  mutating func reopenLastPhase(of phases: [Phase], epochs: Int) {
    guard phase == phases.count, let last = phases.last, last.epochs > epochs else { return }
    phase -= 1
    epochInPhase = epochs
    stepInPhase = stepsOfLastPhase
  }

  /// So that nothing overflows that is added to a count.
  private static let maximumCount = 1 << 53

  /// Thirty thousand years.
  private static let maximumSeconds = 1e12

  /// Whether a run of these phases over streams of `columns` units can have come so far.
  func fits(_ phases: [Phase], columns: Int) -> Bool {
    let counts = [
      step, epoch, epochInPhase, stepInPhase, cycle, cursor, stepInEpoch, adamStep, skippedSteps,
      skippedInARow, rewinds, skippedBeforeRewinds, restarts, epochToValidate ?? 0, charactersInEpoch,
      stepsOfLastPhase,
    ]
    guard counts.allSatisfy({ (0...Self.maximumCount).contains($0) }) else { return false }
    guard baseRate.isFinite, carriedRate.isFinite, (0...Self.maximumSeconds).contains(secondsInEpoch),
      smoothedLoss.value?.isFinite ?? true
    else { return false }
    guard rateFactor > 0, rateFactor <= 1, epochToValidate ?? epoch <= epoch + 1 else { return false }
    guard (0...phases.count).contains(phase), cursor < columns else { return false }
    // No epoch has more steps than a stream has units.
    guard epoch <= phases.reduce(0, { $0 + $1.epochs }), step / columns <= epoch else { return false }
    let steps = [stepInPhase, cycle, stepInEpoch, adamStep, skippedSteps, skippedInARow]
    guard steps.allSatisfy({ $0 <= step }), (0...step).contains(smoothedLoss.count) else { return false }
    return phase == phases.count ? epochInPhase == 0 : epochInPhase < phases[phase].epochs
  }
}

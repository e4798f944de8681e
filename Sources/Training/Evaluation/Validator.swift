import Kernels
import Ranks

/// Validates a run's model after each epoch, on rank 0 or on all ranks. Every rank has one, and calls it at the same time.
final class Validator {
  /// On rank 0; the other ranks know no loss.
  struct Result {
    /// In nats per character; nil if the run does not validate or the loss is not finite.
    let loss: Double?
    /// Nil if the run does not validate.
    let seconds: Double?
    /// How long ranks waited for others, all added up.
    let idleSeconds: Double?
  }

  private let world: any World
  private let isOff: Bool
  private let sharesWork: Bool
  /// Over this rank's streams, nil where it has none.
  private let evaluator: Evaluator?

  /// How many windows a rank runs before it asks the others whether somebody wants to stop: often enough, at a cost that nobody notices.
  private static let windowsBetweenQuestions = 16

  /// - Throws: `AgreedFailure`.
  init(_ config: TrainingConfig, _ text: SharedText, _ trainer: Trainer, _ world: any World) throws {
    self.world = world
    isOff = config.validate == .none
    sharesWork = text.valid?.isShared ?? false
    evaluator = try world.onAll {
      try text.valid.flatMap { valid in
        try valid.streams.map { try Evaluator(trainer.trained, $0, of: valid.split, trainer.compute) }
      }
    }
  }

  /// - Parameters:
  ///   - advanced: given the part that is done, and how many characters there are to predict; on rank 0.
  ///   - isStopping: whether somebody has asked to stop; asked now and then.
  /// - Returns: nil on all ranks if somebody has.
  /// - Throws: `RankError`.
  func validate(
    _ advanced: (_ fraction: Double, _ characters: Int) -> Void, isStopping: () -> Bool
  ) throws -> Result? {
    struct Share: BitwiseCopyable {
      var seconds = 0.0
      var isInterrupted = false
    }
    let clock = ContinuousClock()
    let start = clock.now
    var share = Share()
    var losses: [Double]?
    if let evaluator {
      var windows = 0
      /// For the others' answers, in seconds.
      var waited = 0.0
      losses = try evaluator.streamLosses { fraction in
        if world.isRoot { advanced(fraction, evaluator.characters) }
        // Asked even where the answer is not told yet: the other ranks learn by it that this one is at work.
        share.isInterrupted = isStopping() || share.isInterrupted
        guard sharesWork else { return !share.isInterrupted }
        windows += 1
        guard windows.isMultiple(of: Self.windowsBetweenQuestions) else { return true }
        let asked = clock.now
        let interrupted: [Bool] = try world.allGather(share.isInterrupted)
        waited += (clock.now - asked) / .seconds(1)
        share.isInterrupted = interrupted.contains(true)
        return !share.isInterrupted
      }
      share.seconds = (clock.now - start) / .seconds(1) - waited
    } else if isOff, world.isRoot {
      share.isInterrupted = isStopping()
    }
    let shares = try world.allGather(share)
    if shares.contains(where: \.isInterrupted) { return nil }
    if isOff { return Result(loss: nil, seconds: nil, idleSeconds: nil) }
    let seconds = (clock.now - start) / .seconds(1)
    return Result(
      loss: try total(losses), seconds: seconds,
      idleSeconds: shares.reduce(0) { $0 + max(0, seconds - $1.seconds) })
  }

  /// The loss over the streams of all ranks, on rank 0.
  private func total(_ losses: [Double]?) throws -> Double? {
    var all = losses ?? []
    if sharesWork, let evaluator {
      // Each rank's among zeros: their sum is all of them, to the last bit.
      all = [Double](repeating: 0, count: evaluator.split.streams)
      all.replaceSubrange(evaluator.streams, with: losses!)
      try world.sum(&all)
    }
    guard world.isRoot, let evaluator else { return nil }
    let nats = evaluator.evaluation(all).natsPerCharacter
    return nats.isFinite ? nats : nil
  }
}

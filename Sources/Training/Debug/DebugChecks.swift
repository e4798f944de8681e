import CharModel
import Kernels
import Ranks
import Text

/// Something that a check of every step has found wrong.
public struct DebugFinding: Error, CustomStringConvertible {
  public let description: String
}

/// Every check that there is, at every step, on every rank; made for `debug`, far too slow for training.
///
/// - Before the first step: the ranks' streams are all streams, each once; the gradient of some parameters meets finite differences.
/// - Backward has not touched the hidden state: it stays detached from what comes before the window.
/// - The gradient and the states are finite.
/// - Parameters, moments and the count of updates are the same, bit by bit, on all ranks.
public final class DebugChecks: StepInspector {
  private var stateHash: UInt64 = 0
  private var hasStarted = false

  public init() {}

  public func stepBegins(_ trainer: Trainer) throws {
    if hasStarted { return }
    hasStarted = true
    try checkShards(trainer)
    try trainer.world.onAll { try checkGradient(trainer) }
  }

  public func forwardEnded(_ trainer: Trainer) { stateHash = hash(trainer.state) }

  public func gradientCombined(_ trainer: Trainer) throws {
    let (step, rank) = (trainer.progress.step + 1, trainer.world.rank)
    try trainer.world.onAll {
      guard hash(trainer.state) == stateHash else {
        throw DebugFinding(
          description:
            "step \(step), rank \(rank): expected backward to leave the hidden state alone, found it changed")
      }
      let own = trainer.reduction.ownElements
      let gradient = trainer.reduction.gradient
      for tensor in gradient.layout.tensors {
        for index in tensor.range.clamped(to: own) where !gradient.flat[index].isFinite {
          let place = "\(tensor.name)[\(index - tensor.range.lowerBound)]"
          throw DebugFinding(
            description:
              "step \(step), rank \(rank): expected a finite gradient, found \(gradient.flat[index]) in \(place)"
          )
        }
      }
      for (name, values) in [("h", trainer.state.h), ("c", trainer.state.c)] {
        for index in 0..<values.count where !values[index].isFinite {
          throw DebugFinding(
            description:
              "step \(step), rank \(rank): expected finite states, found \(values[index]) in \(name)[\(index)]"
          )
        }
      }
    }
  }

  public func stepEnded(_ trainer: Trainer, _ record: Trainer.StepRecord) throws {
    for moment in [trainer.adam.firstMoment, trainer.adam.secondMoment] {
      try trainer.reduction.share(moment.flat)
    }
    for (set, prefix) in trainer.parameterSets {
      let hashes = try trainer.world.allGather(bitHash(set.flat))
      guard Set(hashes).count > 1 else { continue }
      try findDifference(trainer, set, prefix, step: record.step + 1)
    }
    let counts = try trainer.world.allGather(trainer.adam.stepCount)
    if let rank = Trainer.minority(counts).first {
      throw AgreedFailure(
        cause: DebugFinding(
          description:
            "after step \(record.step + 1), expected the same count of updates on all ranks, found "
            + "\(counts[rank]) on rank \(rank)"))
    }
  }

  /// Names the first rank, tensor and element that differ.
  private func findDifference(_ trainer: Trainer, _ set: ParameterSet, _ prefix: String, step: Int) throws {
    for tensor in set.layout.tensors {
      let values = set.elements(of: tensor)
      for index in 0..<values.count {
        let all = try trainer.world.allGather(values[index].bitPattern)
        guard let rank = Trainer.minority(all).first else { continue }
        let usual = all.indices.first { all[$0] != all[rank] }!
        throw AgreedFailure(
          cause: DebugFinding(
            description:
              "after step \(step), expected the same \(prefix)\(tensor.name)[\(index)] on all ranks, found "
              + "\(Float(bitPattern: all[rank])) on rank \(rank) and \(Float(bitPattern: all[usual])) on rank \(usual)"
          ))
      }
    }
  }

  private func hash(_ state: borrowing HiddenState) -> UInt64 { bitHash(state.h) &* 31 &+ bitHash(state.c) }

  private func checkShards(_ trainer: Trainer) throws {
    let streams = trainer.streams.streams
    let all = try trainer.world.allGather(SIMD2(streams.lowerBound, streams.upperBound))
    var next = 0
    for (rank, bounds) in all.enumerated() {
      guard bounds.x == next, bounds.y > bounds.x else {
        throw AgreedFailure(
          cause: DebugFinding(
            description: "expected rank \(rank)'s streams to follow those before it from \(next) on, found "
              + "\(bounds.x)..<\(bounds.y)"))
      }
      next = bounds.y
    }
    guard next == trainer.config.bs else {
      throw AgreedFailure(
        cause: DebugFinding(description: "expected \(trainer.config.bs) streams on all ranks, found \(next)"))
    }
  }
}

// MARK: - Finite differences

extension DebugChecks {
  /// The step in a parameter, and how far the quotient may be from the gradient: losses near 3 nats in float32 leave an error of
  /// some 1e-5 in it.
  private static let displacement: Float = 1 / 128
  private static let absoluteTolerance = 2e-4
  private static let relativeTolerance = 0.03
  /// Of each tensor, that many of the largest derivatives among that many parameters drawn at random.
  private static let (checked, drawn) = (2, 40)

  /// Compares the gradient of the loss over this rank's first window, from a zero state and without dropout, with differences of
  /// that loss. Parameters and states end as they were.
  private func checkGradient(_ trainer: Trainer) throws {
    let window = trainer.window
    let scale = 1 / Float(window.targets.count)
    func loss() -> Double {
      let state = HiddenState(trainer.model, streams: trainer.streams.count)
      _ = trainer.pass.forward(window.inputs, state: state)
      return trainer.pass.loss(window.targets) / Double(window.targets.count)
    }
    _ = loss()
    let gradient = ParameterSet(trainer.model)
    trainer.pass.backward(
      window.inputs, window.targets, dropped: false, scale: scale,
      into: [GradientPart(allOf: trainer.streams.count, gradient)])
    var generator = SystemRandomNumberGenerator()
    for tensor in gradient.layout.tensors {
      let (computed, values) = (gradient.elements(of: tensor), trainer.parameters.elements(of: tensor))
      let candidates = (0..<Self.drawn).map { _ in Int.random(in: 0..<values.count, using: &generator) }
        .sorted { abs(computed[$0]) > abs(computed[$1]) }
      for index in candidates.prefix(Self.checked) {
        let original = values[index]
        values[index] = original + Self.displacement
        let above = loss()
        values[index] = original - Self.displacement
        let below = loss()
        values[index] = original
        let measured = (above - below) / Double(2 * Self.displacement)
        let expected = Double(computed[index])
        guard abs(measured - expected) <= Self.absoluteTolerance + Self.relativeTolerance * abs(expected)
        else {
          throw DebugFinding(
            description:
              "rank \(trainer.world.rank): expected the gradient \(expected) of \(tensor.name)[\(index)] to meet "
              + "finite differences, found \(measured)")
        }
      }
    }
  }
}

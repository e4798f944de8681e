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
/// - Parameters, moments, the average and the count of updates are the same, bit by bit, on all ranks: the parameters as a step finds them and as it
///   leaves them, the others once the ranks have given each other their parts.
public final class DebugChecks: StepInspector {
  private var stateHash: UInt64 = 0
  private var hasStarted = false

  public init() {}

  public func stepBegins(_ trainer: Trainer) throws {
    try compare(trainer, trainer.parameters, "", "before step \(trainer.progress.step + 1)")
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
        for index in own.flatMap(tensor.range.clamped) where !gradient.flat[index].isFinite {
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
    try trainer.makeWhole()
    for (set, prefix) in trainer.parameterSets {
      try compare(trainer, set, prefix, "after step \(record.step + 1)")
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

  /// Compares tensor by tensor, and in the first that is not the same everywhere names the first rank and element that differ.
  private func compare(_ trainer: Trainer, _ set: ParameterSet, _ prefix: String, _ when: String) throws {
    for tensor in set.layout.tensors {
      let values = set.elements(of: tensor)
      let hashes = try trainer.world.allGather(bitHash(values))
      guard let rank = Trainer.minority(hashes).first else { continue }
      let usual = hashes.indices.first { hashes[$0] != hashes[rank] }!
      for index in 0..<values.count {
        let all = try trainer.world.allGather(values[index].bitPattern)
        guard all[rank] != all[usual] else { continue }
        throw AgreedFailure(
          cause: DebugFinding(
            description: "\(when), expected the same \(prefix)\(tensor.name)[\(index)] on all ranks, found "
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
  /// How far a tensor is moved, as a Euclidean length, and how far the change of the loss may be from the gradient's: losses near
  /// 3 nats in float32, some hundreds in the mean, leave an error of some 1e-7.
  private static let displacement = 0.03
  private static let absoluteTolerance = 3e-6
  private static let relativeTolerance = 0.05

  /// Compares the gradient of the loss over this rank's first window, from a zero state and without dropout, with differences of
  /// that loss: for each tensor along the signs of half its gradient, drawn at random, a direction in which the loss changes much.
  /// Parameters and states end as they were.
  private func checkGradient(_ trainer: Trainer) throws {
    let window = trainer.window
    let parts = trainer.reduction.parts
    func loss() -> Double {
      let state = HiddenState(trainer.model, streams: trainer.streams.count)
      _ = trainer.pass.forward(window.inputs, state: state)
      return trainer.pass.loss(window.targets) / Double(window.targets.count)
    }
    _ = loss()
    trainer.pass.backward(
      window.inputs, window.targets, scale: 1 / Float(window.targets.count), into: parts)
    let random = RandomSource(seed: trainer.config.seed)
    for (number, tensor) in parts[0].gradient.layout.tensors.enumerated() {
      let values = trainer.parameters.elements(of: tensor)
      let original = values.array
      let gradients = parts.map { $0.gradient.elements(of: tensor) }
      let gradient = original.indices.map { index in gradients.reduce(0.0) { $0 + Double($1[index]) } }
      let isMoved = original.indices.map { index in
        random.uniform(.gradientCheck, .init(step: number), unit: index) < 0.5
      }
      let length = Self.displacement / Double(max(1, isMoved.count { $0 })).squareRoot()
      func lossAfterMoving(_ sign: Double) -> Double {
        for index in original.indices where isMoved[index] {
          values[index] = Float(Double(original[index]) + sign * (gradient[index] < 0 ? -length : length))
        }
        defer { values.copy(from: original) }
        return loss()
      }
      let measured = (lossAfterMoving(1) - lossAfterMoving(-1)) / 2
      let expected = original.indices.reduce(0.0) { $0 + (isMoved[$1] ? length * abs(gradient[$1]) : 0) }
      guard abs(measured - expected) <= Self.absoluteTolerance + Self.relativeTolerance * expected else {
        throw DebugFinding(
          description:
            "rank \(trainer.world.rank): expected the gradient of \(tensor.name) to meet finite differences: a change "
            + "of the loss by \(expected), found \(measured)")
      }
    }
  }
}

import Glibc
import Kernels

/// Tells, after every step, a hash of all parameters: equal between two runs only if all bits are.
public final class HashPrinter: StepInspector {
  private let write: (String) -> Void

  /// - Parameter write: given a line after every step; called on rank 0 only.
  public init(_ write: @escaping (String) -> Void) { self.write = write }

  public func stepEnded(_ trainer: Trainer, _ record: Trainer.StepRecord) {
    guard trainer.world.isRoot else { return }
    let digits = String(trainer.parametersHash, radix: 16)
    write(
      "step \(record.step + 1)  loss \(record.loss)  hash \(String(repeating: "0", count: 16 - digits.count))\(digits)"
    )
  }
}

/// Stops in the debugger, on every rank, before a step.
public final class Breakpoint: StepInspector {
  private let step: Int

  /// - Parameter step: counted from 1.
  public init(step: Int) { self.step = step }

  public func stepBegins(_ trainer: Trainer) {
    if trainer.progress.step + 1 == step { raise(SIGTRAP) }
  }
}

/// Flips one bit of one rank's parameters after a step: for the tests of whoever has to notice.
public final class PlantedFault: StepInspector {
  private let step: Int
  private let rank: Int

  /// - Parameters:
  ///   - step: counted from 1.
  ///   - rank: whose parameters.
  public init(step: Int, rank: Int) {
    self.step = step
    self.rank = rank
  }

  public func stepEnded(_ trainer: Trainer, _ record: Trainer.StepRecord) {
    guard record.step + 1 == step, trainer.world.rank == rank else { return }
    let weights = trainer.parameters.layers[0].hiddenWeight
    weights[1, 2] = Float(bitPattern: weights[1, 2].bitPattern ^ 1)
  }
}

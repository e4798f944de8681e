import Foundation
import Ranks
import TestSupport
import Testing
import Training

/// Small runs with whom something happens, in threads of this process, and what they leave.
struct FaultyRuns {
  let directory = TemporaryDirectory()

  func config(_ name: String) -> TrainingConfig {
    var config = TrainingFixture.config(directory)
    config.dropout = 0.3
    config.bpttJitter = true
    config.phases = [Phase(epochs: 3, lr: 0.01)]
    config.runDir = directory.path(name)
    return config
  }

  func lines(_ kind: String, _ config: TrainingConfig) throws -> [[String: Any]] {
    let text = try String(contentsOfFile: config.runDir! + "/metrics.jsonl", encoding: .utf8)
    return try text.split(separator: "\n").compactMap { line in
      let object = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
      return object?["kind"] as? String == kind ? object : nil
    }
  }

  func last(_ config: TrainingConfig) throws -> Checkpoint {
    try Checkpoint(path: config.runDir! + "/checkpoints/last.safetensors")
  }

  /// Of all tensors' bytes.
  func checksum(_ config: TrainingConfig) throws -> String { try #require(try last(config).checksum) }

  /// Runs, or goes on with, the run on `ranks` ranks.
  func run(
    _ config: TrainingConfig, ranks: Int = 2, resumes: Bool = false,
    observer: @escaping @Sendable () -> any RunObserver = { SilentObserver() },
    inspectors: @escaping @Sendable () -> [any StepInspector] = { [] },
    requests: @escaping @Sendable (_ rank: Int) -> RunRequests = { _ in [] }
  ) throws -> TrainingRun.Ending {
    try ThreadWorld.run(size: ranks) { world in
      let logger = TrainingFixture.silentLogger
      let start = resumes ? try RunStart(resuming: config.runDir!, world, logger) { _ in } : RunStart(config)
      return try TrainingRun(
        start, world, observer(), logger, inspectors: inspectors(), requests: { requests(world.rank) }
      ).run()
    }[0]
  }
}

/// Counts its calls, from 1.
final class Counter: @unchecked Sendable {
  private let lock = NSLock()
  private var count = 0

  var value: Int { lock.withLock { count } }

  func next() -> Int {
    lock.withLock {
      count += 1
      return count
    }
  }
}

final class Refusals: @unchecked Sendable {
  private(set) var all: [String] = []

  func add(_ text: String) { all.append(text) }
}

/// Knows how many validations have begun.
final class ValidationNoter: SilentObserver, @unchecked Sendable {
  private let counter = Counter()

  var count: Int { counter.value }

  override func validationAdvanced(fraction: Double, of characters: Int) {
    if fraction == 0 { _ = counter.next() }
  }
}

/// Does something at the end of each epoch.
final class EpochNoter: SilentObserver {
  private let body: (Int) -> Void

  init(_ body: @escaping (Int) -> Void) { self.body = body }

  override func epochEnded(_ metrics: EpochMetrics, isBest: Bool) { body(metrics.epoch) }
}

/// Makes the hidden state no number at every step from one on, until the run has gone back so often.
final class Poison: StepInspector {
  private let fromStep: Int
  private let rewinds: Int

  init(fromStep: Int, rewinds: Int = 1) {
    self.fromStep = fromStep
    self.rewinds = rewinds
  }

  func stepBegins(_ trainer: Trainer) {
    guard trainer.progress.rewinds < rewinds, trainer.progress.step >= fromStep else { return }
    trainer.state.h[0] = .nan
  }
}

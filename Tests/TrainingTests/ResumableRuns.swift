import Foundation
import Ranks
import TestSupport
import Training

/// Runs with all that a checkpoint must hold, stopped and gone on.
struct ResumableRuns {
  let directory = TemporaryDirectory()

  func config(_ name: String) -> TrainingConfig {
    var config = TrainingFixture.config(directory)
    config.dropout = 0.3
    config.dropoutOutput = 0.2
    config.averageDecay = 0.95
    config.bpttJitter = true
    let restarts = Schedule.cosine(CosineRestarts(cycleLength: 1, cycleMult: 2))
    config.phases = [
      Phase(epochs: 1, lr: 0.01), Phase(epochs: 2, lr: 0.02, schedule: restarts),
      Phase(epochs: 2, lr: nil, schedule: restarts, adam: .fresh),
    ]
    config.runDir = directory.path(name)
    return config
  }

  func resume(
    _ name: String, ranks: Int, _ change: @escaping @Sendable (inout TrainingConfig) -> Void
  )
    throws
  {
    let path = directory.path(name)
    _ = try ThreadWorld.run(size: ranks) { world in
      let start = try RunStart(resuming: path, world, TrainingFixture.silentLogger, change)
      try TrainingRun(start, world, SilentObserver(), TrainingFixture.silentLogger).run()
    }
  }

  func lines(_ name: String) throws -> [String] {
    // Rates and losses, without what depends on the clock.
    let text = try String(contentsOfFile: directory.path(name) + "/metrics.jsonl", encoding: .utf8)
    return text.split(separator: "\n").map {
      $0.replacingOccurrences(
        of: #""(charactersPerSecond|seconds)":[^,}]*,?"#, with: "", options: .regularExpression)
    }
  }

  func tensorBytes(_ name: String, _ checkpoint: String = "last") throws -> Data {
    let path = directory.path(name) + "/checkpoints/\(checkpoint).safetensors"
    let data = try Data(contentsOf: URL(fileURLWithPath: path))
    let header = data.prefix(8).reversed().reduce(0) { $0 << 8 | Int($1) }
    return data.dropFirst(8 + header)
  }

  func samples(_ name: String) throws -> String {
    try String(contentsOfFile: directory.path(name) + "/samples.txt", encoding: .utf8)
  }

  /// Why the run does not go on with that change, "none" where it does.
  func refusal(
    _ name: String, ranks: Int, _ change: @escaping @Sendable (inout TrainingConfig) -> Void
  ) -> String {
    do {
      try resume(name, ranks: ranks, change)
      return "none"
    } catch { return (error as? AgreedFailure).map { "\($0.cause!)" } ?? "\(error)" }
  }
}

import Logging
import Ranks
import TestSupport
import Training

/// Small runs on a small text, in threads of this process.
enum TrainingFixture {
  /// About 3,000 characters with some structure.
  static let text: String = {
    var numbers = TestNumbers(3)
    let words = ["the ", "cat ", "sat ", "on ", "a ", "mat", ".\n", "dog ", "ran "]
    return (0..<900).map { _ in words[numbers.index(below: words.count)] }.joined()
  }()

  /// Trains on ``text``; ten streams, so that three or four ranks have unequal shards.
  static func config(_ directory: TemporaryDirectory, cell: String = "lstm") -> TrainingConfig {
    var config = TrainingConfig()
    config.train = directory.write("text.txt", text)
    config.cell = .init(named: cell)!
    config.layers = 2
    config.hidden = 12
    config.embedding = 6
    config.bs = 10
    config.bptt = 7
    config.phases = [Phase(epochs: 100, lr: 0.01)]
    config.sampleLength = 20
    return config
  }

  /// What one rank saw: each step's record, and a hash of the parameters after it.
  struct Steps: Sendable {
    var losses: [Double] = []
    var norms: [Double] = []
    var hashes: [UInt64] = []
  }

  /// Makes `count` steps on `ranks` ranks; returns what each rank saw.
  static func steps(_ count: Int, _ config: TrainingConfig, ranks: Int) throws -> [Steps] {
    try ThreadWorld.run(size: ranks) { world in
      let trainer = try Trainer(config, SharedText(config, world), world)
      var steps = Steps()
      trainer.beginWhatBegins()
      for _ in 0..<count {
        if trainer.isAtEndOfEpoch {
          trainer.endEpoch()
          trainer.beginWhatBegins()
        }
        let record = try trainer.step(learningRate: trainer.learningRate)
        steps.losses.append(record.loss)
        steps.norms.append(record.gradientNorm)
        steps.hashes.append(trainer.parametersHash)
      }
      return steps
    }
  }

  /// A whole run on `ranks` ranks, into `runDirectory`.
  static func run(_ config: TrainingConfig, runDirectory: String, ranks: Int = 1) throws {
    var config = config
    config.runDir = runDirectory
    _ = try ThreadWorld.run(size: ranks) { [config] world in
      try TrainingRun(RunStart(config), world, SilentObserver(), silentLogger).run()
    }
  }

  static let silentLogger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
}

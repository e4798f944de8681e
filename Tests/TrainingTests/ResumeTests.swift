import Foundation
import Ranks
import TestSupport
import Testing
import Training

/// Runs that are stopped and go on: the bits of runs that were not.
@Suite struct ResumeTests {
  private let runs = ResumableRuns()

  /// Stopped in the middle of epochs and phases, and gone on: the same bits as without a stop.
  @Test(arguments: [1, 3])
  func aResumedRunIsTheUninterruptedOne(ranks: Int) throws {
    let whole = runs.config("whole")
    try TrainingFixture.run(whole, runDirectory: whole.runDir!, ranks: ranks)
    var interrupted = runs.config("interrupted")
    let total = try runs.lines("whole").filter { $0.contains("\"step\",") || $0.contains(#""kind":"step""#) }
      .count
    interrupted.maxSteps = total / 5
    try TrainingFixture.run(interrupted, runDirectory: interrupted.runDir!, ranks: ranks)
    for part in 2...5 {
      try runs.resume("interrupted", ranks: ranks) { $0.maxSteps = part == 5 ? nil : total * part / 5 }
    }
    #expect(try runs.tensorBytes("interrupted") == runs.tensorBytes("whole"))
    func steps(_ name: String) throws -> [String] {
      try runs.lines(name).filter { $0.contains(#""kind":"step""#) }
    }
    #expect(try steps("interrupted") == steps("whole"))
    let cycles = try FileManager.default.contentsOfDirectory(atPath: whole.runDir! + "/checkpoints")
      .filter { $0.hasPrefix("cycle-") }.sorted()
    #expect(cycles.first == "cycle-0.safetensors")
    let others = try FileManager.default.contentsOfDirectory(atPath: interrupted.runDir! + "/checkpoints")
    #expect(cycles.allSatisfy { others.contains($0) })
  }

  /// Cycles that end where epochs end, in the middle of an epoch stopped: each epoch has one line, each cycle its file.
  @Test func epochsAndCyclesAreCountedOnce() throws {
    var config = runs.config("run")
    config.bpttJitter = false
    config.checkpointEvery = .steps(10)
    let restarts = Schedule.cosine(CosineRestarts(cycleLength: 1, cycleMult: 1))
    config.phases = [Phase(epochs: 4, lr: 0.02, schedule: restarts, adam: .fresh)]
    config.maxSteps = 60
    try TrainingFixture.run(config, runDirectory: config.runDir!, ranks: 2)
    try runs.resume("run", ranks: 2) { $0.maxSteps = 130 }
    try runs.resume("run", ranks: 2) { $0.maxSteps = nil }
    let epochs = try runs.lines("run").filter { $0.contains(#""kind":"epoch""#) }
    #expect(epochs.count == 4, "\(epochs)")
    let cycles = try FileManager.default.contentsOfDirectory(atPath: config.runDir! + "/checkpoints")
      .filter { $0.hasPrefix("cycle-") }.sorted()
    #expect(cycles == (0..<4).map { "cycle-\($0).safetensors" })
    let last = try Checkpoint(path: config.runDir! + "/checkpoints/last.safetensors").progress
    #expect(last?.cycle == 4 && last?.epoch == 4)
    // Nothing is left to do: going on changes nothing.
    let before = try runs.tensorBytes("run")
    try runs.resume("run", ranks: 1) { _ in }
    #expect(try runs.tensorBytes("run") == before)
    #expect(try runs.lines("run").filter { $0.contains(#""kind":"epoch""#) } == epochs)
  }

  /// The model of a stop within an epoch is `best` as long as the run has stopped, and forgotten when it goes on.
  @Test func aStopWithinAnEpochIsNotTheBestOfARunThatGoesOn() throws {
    func config(_ name: String) -> TrainingConfig {
      var config = runs.config(name)
      config.bpttJitter = false
      config.averageDecay = nil
      // After two steps of the second epoch the rate is a hundred times as high, and all is lost.
      let long = Schedule.cosine(CosineRestarts(cycleLength: 10, cycleMult: 1))
      config.phases = [Phase(epochs: 1, lr: 0.01), Phase(epochs: 2, lr: 8, schedule: long)]
      return config
    }
    let whole = config("whole")
    try TrainingFixture.run(whole, runDirectory: whole.runDir!, ranks: 2)
    var stopped = config("stopped")
    let perEpoch = try runs.lines("whole").count { $0.contains(#""kind":"step""#) } / 3
    stopped.maxSteps = perEpoch + 2
    try TrainingFixture.run(stopped, runDirectory: stopped.runDir!, ranks: 2)
    func stepOfBest(_ name: String) throws -> Int? {
      try Checkpoint(path: runs.directory.path(name) + "/checkpoints/best.safetensors").progress?.step
    }
    let bestOfWhole = try stepOfBest("whole")
    #expect(bestOfWhole == perEpoch)
    #expect(try stepOfBest("stopped") == stopped.maxSteps)
    try runs.resume("stopped", ranks: 2) { $0.maxSteps = nil }
    #expect(try runs.tensorBytes("stopped") == runs.tensorBytes("whole"))
    #expect(try runs.tensorBytes("stopped", "best") == runs.tensorBytes("whole", "best"))
    #expect(
      try FileManager.default.contentsOfDirectory(atPath: stopped.runDir! + "/checkpoints").sorted()
        == FileManager.default.contentsOfDirectory(atPath: whole.runDir! + "/checkpoints").sorted())
  }

  /// A run that diverged stops again at the next step that is not finite.
  @Test func aDivergedRunStopsAgain() throws {
    var config = runs.config("run")
    config.cell = .init(named: "rnn")!
    config.phases = [Phase(epochs: 3, lr: 3e37)]
    config.maxSkipped = 4
    config.maxRewinds = 0
    #expect(throws: AgreedFailure.self) { try TrainingFixture.run(config, runDirectory: config.runDir!) }
    func steps() throws -> Int { try runs.lines("run").count { $0.contains(#""kind":"step""#) } }
    let before = try steps()
    #expect(throws: AgreedFailure.self) { try runs.resume("run", ranks: 2) { _ in } }
    #expect(try steps() <= before + 4)
  }

  /// Each part on other ranks and threads: the same bits as on one without a stop.
  @Test func anotherNumberOfRanksGoesOn() throws {
    let whole = runs.config("whole")
    try TrainingFixture.run(whole, runDirectory: whole.runDir!)
    var interrupted = runs.config("interrupted")
    interrupted.maxSteps = 70
    try TrainingFixture.run(interrupted, runDirectory: interrupted.runDir!, ranks: 4)
    try runs.resume("interrupted", ranks: 2) { $0.maxSteps = 130 }
    try runs.resume("interrupted", ranks: 8) {
      $0.maxSteps = nil
      $0.threads = 2
    }
    #expect(try runs.tensorBytes("interrupted") == runs.tensorBytes("whole"))
  }

  /// Where MPI adds up, nearly the same.
  @Test func anotherNumberOfRanksGoesOnWithoutTheTree() throws {
    var whole = runs.config("whole")
    whole.reduce = .mpi
    try TrainingFixture.run(whole, runDirectory: whole.runDir!)
    var interrupted = runs.config("interrupted")
    interrupted.reduce = .mpi
    interrupted.maxSteps = 70
    try TrainingFixture.run(interrupted, runDirectory: interrupted.runDir!, ranks: 3)
    try runs.resume("interrupted", ranks: 2) { $0.maxSteps = nil }
    let numbers = try ["whole", "interrupted"].map { name in
      try runs.tensorBytes(name).withUnsafeBytes { Array($0.bindMemory(to: Float.self)) }
    }
    #expect(relativeError(numbers[1], numbers[0]) < 1e-2)
  }

  /// A run that is over, and one in the middle, with more epochs: as if they had been asked for from the beginning.
  @Test func moreEpochs() throws {
    func phases(_ last: Int) -> [Phase] { [Phase(epochs: 1, lr: 0.01), Phase(epochs: last, lr: 0.02)] }
    var whole = runs.config("whole")
    whole.phases = phases(3)
    try TrainingFixture.run(whole, runDirectory: whole.runDir!)
    for maxSteps in [nil, 45] {
      var short = runs.config("short-\(maxSteps ?? 0)")
      short.phases = phases(1)
      short.maxSteps = maxSteps
      try TrainingFixture.run(short, runDirectory: short.runDir!, ranks: 2)
      let (name, more) = ("short-\(maxSteps ?? 0)", phases(3))
      try runs.resume(name, ranks: 4) {
        $0.phases = more
        $0.maxSteps = nil
      }
      #expect(try runs.tensorBytes(name) == runs.tensorBytes("whole"))
      #expect(try runs.lines(name).filter { $0.contains(#""kind":"epoch""#) }.count == 4)
    }
  }

  /// A run that ended before its first checkpoint.
  @Test func withoutACheckpointItBeginsAgain() throws {
    var config = runs.config("run")
    config.maxSteps = 20
    try TrainingFixture.run(config, runDirectory: runs.directory.path("whole"))
    try TrainingFixture.run(config, runDirectory: config.runDir!)
    try FileManager.default.removeItem(atPath: config.runDir! + "/checkpoints")
    try runs.resume("run", ranks: 2) { _ in }
    #expect(try runs.tensorBytes("run") == runs.tensorBytes("whole"))
    #expect(try runs.lines("run").filter { $0.contains(#""kind":"step""#) }.count == 20)
  }
}

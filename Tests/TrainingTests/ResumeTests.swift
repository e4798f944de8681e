import Foundation
import Kernels
import Ranks
import SafeTensors
import TestSupport
import Testing
import Training

@Suite struct ResumeTests {
  private let directory = TemporaryDirectory()

  private func config(_ name: String) -> TrainingConfig {
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

  private func resume(
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

  private func lines(_ name: String) throws -> [String] {
    // Rates and losses, without what depends on the clock.
    let text = try String(contentsOfFile: directory.path(name) + "/metrics.jsonl", encoding: .utf8)
    return text.split(separator: "\n").map {
      $0.replacingOccurrences(
        of: #""(charactersPerSecond|seconds)":[^,}]*,?"#, with: "", options: .regularExpression)
    }
  }

  private func tensorBytes(_ name: String) throws -> Data {
    let path = directory.path(name) + "/checkpoints/last.safetensors"
    let data = try Data(contentsOf: URL(fileURLWithPath: path))
    let header = data.prefix(8).reversed().reduce(0) { $0 << 8 | Int($1) }
    return data.dropFirst(8 + header)
  }

  /// Stopped in the middle of epochs and phases, and gone on: the same bits as without a stop.
  @Test(arguments: [1, 3])
  func aResumedRunIsTheUninterruptedOne(ranks: Int) throws {
    let whole = config("whole")
    try TrainingFixture.run(whole, runDirectory: whole.runDir!, ranks: ranks)
    var interrupted = config("interrupted")
    let total = try lines("whole").filter { $0.contains("\"step\",") || $0.contains(#""kind":"step""#) }.count
    interrupted.maxSteps = total / 5
    try TrainingFixture.run(interrupted, runDirectory: interrupted.runDir!, ranks: ranks)
    for part in 2...5 {
      try resume("interrupted", ranks: ranks) { $0.maxSteps = part == 5 ? nil : total * part / 5 }
    }
    #expect(try tensorBytes("interrupted") == tensorBytes("whole"))
    func steps(_ name: String) throws -> [String] {
      try lines(name).filter { $0.contains(#""kind":"step""#) }
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
    var config = config("run")
    config.bpttJitter = false
    config.checkpointEvery = .steps(10)
    let restarts = Schedule.cosine(CosineRestarts(cycleLength: 1, cycleMult: 1))
    config.phases = [Phase(epochs: 4, lr: 0.02, schedule: restarts, adam: .fresh)]
    config.maxSteps = 60
    try TrainingFixture.run(config, runDirectory: config.runDir!, ranks: 2)
    try resume("run", ranks: 2) { $0.maxSteps = 130 }
    try resume("run", ranks: 2) { $0.maxSteps = nil }
    let epochs = try lines("run").filter { $0.contains(#""kind":"epoch""#) }
    #expect(epochs.count == 4, "\(epochs)")
    let cycles = try FileManager.default.contentsOfDirectory(atPath: config.runDir! + "/checkpoints")
      .filter { $0.hasPrefix("cycle-") }.sorted()
    #expect(cycles == (0..<4).map { "cycle-\($0).safetensors" })
    let last = try Checkpoint(path: config.runDir! + "/checkpoints/last.safetensors").progress
    #expect(last?.cycle == 4 && last?.epoch == 4)
    // Nothing is left to do: going on changes nothing.
    let before = try tensorBytes("run")
    try resume("run", ranks: 1) { _ in }
    #expect(try tensorBytes("run") == before)
    #expect(try lines("run").filter { $0.contains(#""kind":"epoch""#) } == epochs)
  }

  /// However much has been noted before, and after the checkpoint.
  @Test func linesThatAreWrittenAgainAreTakenAway() throws {
    var config = config("run")
    config.maxSteps = 5
    try TrainingFixture.run(config, runDirectory: config.runDir!)
    let path = config.runDir! + "/metrics.jsonl"
    let own = try String(contentsOfFile: path, encoding: .utf8)
    // More than is looked at at once.
    let padding = String(repeating: " ", count: 200)
    let before = (0..<8000).map { #"{"kind":"step","step":\#($0 % 5),"epoch":1,"loss":1\#(padding)}"# + "\n" }
      .joined()
    let after = (6..<8000).map { #"{"kind":"step","step":\#($0),"epoch":1,"loss":1\#(padding)}"# + "\n" }
      .joined()
    try (before + own + after + #"{"kind":"step","st"#).write(toFile: path, atomically: true, encoding: .utf8)
    try resume("run", ranks: 1) { $0.maxSteps = 8 }
    let text = try String(contentsOfFile: path, encoding: .utf8)
    #expect(text.hasPrefix(before), "lines of earlier steps have changed")
    let steps = text.dropFirst(before.count).split(separator: "\n").filter { $0.contains(#""kind":"step""#) }
    #expect(steps.count == 8 && steps.allSatisfy { !$0.contains(padding) }, "\(steps.count) steps")
  }

  /// A run that diverged stops again at the next step that is not finite.
  @Test func aDivergedRunStopsAgain() throws {
    var config = config("run")
    config.cell = .init(named: "rnn")!
    config.phases = [Phase(epochs: 3, lr: 3e37)]
    config.maxSkipped = 4
    config.maxRewinds = 0
    #expect(throws: AgreedFailure.self) { try TrainingFixture.run(config, runDirectory: config.runDir!) }
    let steps = try lines("run").count
    #expect(throws: AgreedFailure.self) { try resume("run", ranks: 2) { _ in } }
    #expect(try lines("run").count <= steps + 5)
  }

  /// Each part on other ranks and threads: the same bits as on one without a stop.
  @Test func anotherNumberOfRanksGoesOn() throws {
    let whole = config("whole")
    try TrainingFixture.run(whole, runDirectory: whole.runDir!)
    var interrupted = config("interrupted")
    interrupted.maxSteps = 70
    try TrainingFixture.run(interrupted, runDirectory: interrupted.runDir!, ranks: 4)
    try resume("interrupted", ranks: 2) { $0.maxSteps = 130 }
    try resume("interrupted", ranks: 8) {
      $0.maxSteps = nil
      $0.threads = 2
    }
    #expect(try tensorBytes("interrupted") == tensorBytes("whole"))
  }

  /// Where MPI adds up, nearly the same.
  @Test func anotherNumberOfRanksGoesOnWithoutTheTree() throws {
    var whole = config("whole")
    whole.reduce = .mpi
    try TrainingFixture.run(whole, runDirectory: whole.runDir!)
    var interrupted = config("interrupted")
    interrupted.reduce = .mpi
    interrupted.maxSteps = 70
    try TrainingFixture.run(interrupted, runDirectory: interrupted.runDir!, ranks: 3)
    try resume("interrupted", ranks: 2) { $0.maxSteps = nil }
    let numbers = try ["whole", "interrupted"].map { name in
      try tensorBytes(name).withUnsafeBytes { Array($0.bindMemory(to: Float.self)) }
    }
    #expect(relativeError(numbers[1], numbers[0]) < 1e-2)
  }

  /// A run that is over, and one in the middle, with more epochs: as if they had been asked for from the beginning.
  @Test func moreEpochs() throws {
    func phases(_ last: Int) -> [Phase] { [Phase(epochs: 1, lr: 0.01), Phase(epochs: last, lr: 0.02)] }
    var whole = config("whole")
    whole.phases = phases(3)
    try TrainingFixture.run(whole, runDirectory: whole.runDir!)
    for maxSteps in [nil, 45] {
      var short = config("short-\(maxSteps ?? 0)")
      short.phases = phases(1)
      short.maxSteps = maxSteps
      try TrainingFixture.run(short, runDirectory: short.runDir!, ranks: 2)
      let (name, more) = ("short-\(maxSteps ?? 0)", phases(3))
      try resume(name, ranks: 4) {
        $0.phases = more
        $0.maxSteps = nil
      }
      #expect(try tensorBytes(name) == tensorBytes("whole"))
      #expect(try lines(name).filter { $0.contains(#""kind":"epoch""#) }.count == 4)
    }
  }

  /// A run that ended before its first checkpoint.
  @Test func withoutACheckpointItBeginsAgain() throws {
    var config = config("run")
    config.maxSteps = 20
    try TrainingFixture.run(config, runDirectory: directory.path("whole"))
    try TrainingFixture.run(config, runDirectory: config.runDir!)
    try FileManager.default.removeItem(atPath: config.runDir! + "/checkpoints")
    try resume("run", ranks: 2) { _ in }
    #expect(try tensorBytes("run") == tensorBytes("whole"))
    #expect(try lines("run").filter { $0.contains(#""kind":"step""#) }.count == 20)
  }

  /// The run that goes on elsewhere leaves the one that it comes from as it is.
  @Test func inAnotherDirectory() throws {
    var config = config("run")
    try TrainingFixture.run(config, runDirectory: directory.path("whole"))
    config.maxSteps = 50
    try TrainingFixture.run(config, runDirectory: config.runDir!)
    let before = try lines("run")
    let other = directory.path("other")
    try resume("run", ranks: 2) {
      $0.runDir = other
      $0.maxSteps = nil
    }
    #expect(try lines("run") == before)
    #expect(try tensorBytes("other") == tensorBytes("whole"))
    func steps(_ name: String) throws -> [String] {
      try lines(name).filter { $0.contains(#""kind":"step""#) }
    }
    #expect(try steps("other") == steps("whole"))
    #expect(try samples("other") == samples("whole"))
  }

  /// What is over is as it was; a single phase is compared as it was said.
  @Test func phasesThatAreOverCannotChange() throws {
    var config = config("run")
    config.phases = [Phase(epochs: 1, lr: 0.01), Phase(epochs: 3, lr: 0.02)]
    config.maxSteps = 60
    try TrainingFixture.run(config, runDirectory: config.runDir!)
    try #require(try Checkpoint(path: config.runDir! + "/checkpoints/last.safetensors").progress?.phase == 1)
    func refusal(_ name: String, _ change: @escaping @Sendable (inout TrainingConfig) -> Void) -> String {
      do {
        try resume(name, ranks: 1, change)
        return "none"
      } catch { return (error as? AgreedFailure).map { "\($0.cause!)" } ?? "\(error)" }
    }
    #expect(refusal("run") { $0.phases[0].epochs = 2 }.contains("--phase"))
    #expect(refusal("run") { $0.phases[1].epochs = 4 } == "none")
    config.phases = [Phase(epochs: 2, lr: 0.01)]
    config.maxSteps = 3
    config.runDir = directory.path("short")
    try TrainingFixture.run(config, runDirectory: config.runDir!)
    let short = refusal("short") { $0.phases[0].lr = 3 }
    #expect(short.contains("--lr: expected 0.01, found 3") && !short.contains("--phase"), "\(short)")
  }

  private func samples(_ name: String) throws -> String {
    try String(contentsOfFile: directory.path(name) + "/samples.txt", encoding: .utf8)
  }

  @Test func samplesThatAreWrittenAgainAreTakenAway() throws {
    var config = config("run")
    try TrainingFixture.run(config, runDirectory: directory.path("whole"))
    config.maxSteps = 50
    try TrainingFixture.run(config, runDirectory: config.runDir!)
    let before = try samples("run")
    #expect(before.hasPrefix("--- epoch 1\n") && !before.contains("--- epoch 3\n"))
    let after = "--- epoch 3\nof a run that\n--- epoch 4\nhas gone further"
    try (before + after).write(toFile: directory.path("run/samples.txt"), atomically: true, encoding: .utf8)
    try resume("run", ranks: 1) { $0.maxSteps = nil }
    #expect(try samples("run") == samples("whole"))
  }

  /// A broken newest checkpoint is passed over, and the lines it wrote are written again.
  @Test func theLastGoodCheckpointIsTaken() throws {
    var config = config("run")
    config.checkpointEvery = .steps(20)
    config.maxSteps = 50
    try TrainingFixture.run(config, runDirectory: config.runDir!)
    let last = config.runDir! + "/checkpoints/last.safetensors"
    let data = try Data(contentsOf: URL(fileURLWithPath: last))
    try data.dropLast(100).write(to: URL(fileURLWithPath: last))
    let path = config.runDir!
    let summaries = Summaries()
    _ = try ThreadWorld.run(size: 2) { world in
      let logger = TrainingFixture.silentLogger
      let start = try RunStart(resuming: path, world, logger) { $0.maxSteps = 60 }
      try TrainingRun(start, world, summaries, logger).run()
    }
    #expect(summaries.all.map(\.resumedAtStep) == [40])
    let steps = try lines("run").filter { $0.contains(#""kind":"step""#) }
    #expect(steps.count == 60)
  }

  /// All that a run of short epochs writes may be one file under two names; the one before is there as well.
  @Test func aDamagedFileIsNotTheOnlyOne() throws {
    let config = config("run")
    try TrainingFixture.run(config, runDirectory: config.runDir!)
    let whole = try tensorBytes("run")
    let last = config.runDir! + "/checkpoints/last.safetensors"
    let size = try Data(contentsOf: URL(fileURLWithPath: last)).count
    // In its place, so that all its names have the damage.
    let file = try #require(FileHandle(forUpdatingAtPath: last))
    try file.seek(toOffset: UInt64(size / 2))
    try file.write(contentsOf: Data([1, 2, 3, 4]))
    try file.close()
    let summaries = Summaries()
    let path = config.runDir!
    _ = try ThreadWorld.run(size: 2) { world in
      let start = try RunStart(resuming: path, world, TrainingFixture.silentLogger) { _ in }
      try TrainingRun(start, world, summaries, TrainingFixture.silentLogger).run()
    }
    #expect(summaries.all[0].resumedAtStep! > 0)
    #expect(try tensorBytes("run") == whole)
  }

  @Test func inAnotherDirectoryTheBestOneIsThereToo() throws {
    var config = config("run")
    config.maxSteps = 60
    try TrainingFixture.run(config, runDirectory: config.runDir!)
    let (path, other) = (config.runDir!, directory.path("other"))
    _ = try ThreadWorld.run(size: 1) { world in
      let start = try RunStart(resuming: path, world, TrainingFixture.silentLogger) {
        $0.maxSteps = nil
        $0.runDir = other
      }
      // Ended before it has validated.
      try TrainingRun(start, world, SilentObserver(), TrainingFixture.silentLogger, requests: { .stop }).run()
    }
    let best = try ["run", "other"].map {
      try Data(contentsOf: URL(fileURLWithPath: directory.path($0) + "/checkpoints/best.safetensors"))
    }
    #expect(best[0] == best[1])
  }

  /// Of steps that the run has not come to again, since it went back.
  @Test func checkpointsOfBeforeARewindGoFirst() throws {
    var config = config("run")
    config.checkpointEvery = .steps(10)
    config.keep = 2
    config.maxSteps = 20
    try TrainingFixture.run(config, runDirectory: config.runDir!)
    let checkpoints = config.runDir! + "/checkpoints/"
    let stale = ["step-50.safetensors", "step-60.safetensors"]
    for name in stale {
      // Not what a run would take up.
      try Data("of before".utf8).write(to: URL(fileURLWithPath: checkpoints + name))
    }
    try resume("run", ranks: 1) { $0.maxSteps = 40 }
    let kept = try FileManager.default.contentsOfDirectory(atPath: checkpoints).filter {
      $0.hasPrefix("step-")
    }
    #expect(Set(kept) == ["step-30.safetensors", "step-40.safetensors"])
  }

  @Test func aTextThatWasMovedIsTheSame() throws {
    var config = config("run")
    config.maxSteps = 5
    try TrainingFixture.run(config, runDirectory: config.runDir!)
    let moved = directory.path("moved.txt")
    try FileManager.default.moveItem(atPath: config.train!, toPath: moved)
    try resume("run", ranks: 1) {
      $0.train = moved
      $0.maxSteps = 7
    }
    #expect(try Checkpoint(path: config.runDir! + "/checkpoints/last.safetensors").progress?.step == 7)
  }

  /// A file made by hand may say anything of its progress: it must be refused, not believed.
  @Test(arguments: [
    ("\"phase\":0", "\"phase\":7"), ("\"cursor\":", "\"cursor\":99999"), ("\"step\":", "\"step\":-1"),
    ("\"epochInPhase\":0", "\"epochInPhase\":50"), ("\"bs\":10", "\"bs\":0"),
  ])
  func whatCannotBeIsRefused(old: String, new: String) throws {
    var config = config("run")
    config.maxSteps = 5
    try TrainingFixture.run(config, runDirectory: config.runDir!)
    let directory = config.runDir! + "/checkpoints"
    let checkpoint = try Checkpoint(path: directory + "/last.safetensors")
    let tensors = checkpoint.file.header.tensors.map { tensor -> (SafeTensorsHeader.Tensor, FloatBlock) in
      let block = FloatBlock(count: tensor.bytes.count / 4)
      try! checkpoint.file.read(tensor, into: block.buffer.elements)
      return (tensor, block)
    }
    var metadata = checkpoint.file.header.metadata
    for key in ["chartrain.progress", "chartrain.config"] {
      metadata[key] = metadata[key]!.replacingOccurrences(of: old, with: new)
    }
    #expect(metadata != checkpoint.file.header.metadata)
    for name in ["last", "previous", "best"] {
      try writeSafeTensors(
        to: directory + "/\(name).safetensors", metadata: metadata,
        tensors: tensors.map { .init(name: $0.name, shape: $0.shape, values: $1.buffer.elements) })
    }
    #expect(throws: AgreedFailure.self) { try resume("run", ranks: 2) { $0.maxSteps = 9 } }
  }

  private final class Summaries: SilentObserver, @unchecked Sendable {
    private(set) var all: [RunSummary] = []

    override func runBegan(_ summary: RunSummary) { all.append(summary) }
  }

  private final class FloatBlock {
    let buffer: FloatBuffer
    init(count: Int) { buffer = FloatBuffer(count: count) }
  }

  @Test func whatWouldChangeTheRunIsRefused() throws {
    var config = config("run")
    config.maxSteps = 5
    try TrainingFixture.run(config, runDirectory: config.runDir!)
    func refusal(_ change: @escaping @Sendable (inout TrainingConfig) -> Void) -> String {
      do {
        try resume("run", ranks: 2, change)
        return "none"
      } catch { return (error as? AgreedFailure).map { "\($0.cause!)" } ?? "\(error)" }
    }
    #expect(refusal { $0.weightDecay = 1 }.contains("--weight-decay"))
    #expect(refusal { $0.bs = 5 }.contains("--bs: expected 10, found 5"))
    let several = refusal {
      $0.hidden = 13
      $0.seed = 9
    }
    #expect(several.contains("--hidden: expected 12, found 13; --seed: expected 0, found 9"), "\(several)")
    #expect(refusal { $0.phases[0].lr = 7 }.contains("--phase"))
    #expect(refusal { $0.phases[2].epochs = 3 } == "none")
    #expect(refusal { $0.validate = .none }.contains("--validate"))
    #expect(refusal { $0.validate = .all } == "none")
    directory.write("text.txt", TrainingFixture.text + "more")
    #expect(refusal { _ in }.contains("the text that the run was trained on"))
    for name in ["last", "previous", "best"] {
      try Data("no checkpoint".utf8).write(
        to: URL(fileURLWithPath: config.runDir! + "/checkpoints/\(name).safetensors"))
    }
    #expect(refusal { _ in }.contains("a checkpoint to resume from"))
    #expect(throws: AgreedFailure.self) { try resume("nowhere", ranks: 2) { _ in } }
  }
}

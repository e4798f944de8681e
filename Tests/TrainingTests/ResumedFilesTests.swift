import Foundation
import Glibc
import Ranks
import TestSupport
import Testing
import Training

/// What is in the directory of a run that goes on.
@Suite struct ResumedFilesTests {
  private let runs = ResumableRuns()

  /// However much has been noted before, and after the checkpoint.
  @Test func linesThatAreWrittenAgainAreTakenAway() throws {
    var config = runs.config("run")
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
    try runs.resume("run", ranks: 1) { $0.maxSteps = 8 }
    let text = try String(contentsOfFile: path, encoding: .utf8)
    #expect(text.hasPrefix(before), "lines of earlier steps have changed")
    let steps = text.dropFirst(before.count).split(separator: "\n").filter { $0.contains(#""kind":"step""#) }
    #expect(steps.count == 8 && steps.allSatisfy { !$0.contains(padding) }, "\(steps.count) steps")
  }

  /// The run that goes on elsewhere leaves the one that it comes from as it is.
  @Test func inAnotherDirectory() throws {
    var config = runs.config("run")
    try TrainingFixture.run(config, runDirectory: runs.directory.path("whole"))
    config.maxSteps = 50
    try TrainingFixture.run(config, runDirectory: config.runDir!)
    let before = try runs.lines("run")
    let other = runs.directory.path("other")
    try runs.resume("run", ranks: 2) {
      $0.runDir = other
      $0.maxSteps = nil
    }
    #expect(try runs.lines("run") == before)
    #expect(try runs.tensorBytes("other") == runs.tensorBytes("whole"))
    func steps(_ name: String) throws -> [String] {
      try runs.lines(name).filter { $0.contains(#""kind":"step""#) }
    }
    #expect(try steps("other") == steps("whole"))
    #expect(try runs.samples("other") == runs.samples("whole"))
  }

  @Test func samplesThatAreWrittenAgainAreTakenAway() throws {
    var config = runs.config("run")
    try TrainingFixture.run(config, runDirectory: runs.directory.path("whole"))
    config.maxSteps = 50
    try TrainingFixture.run(config, runDirectory: config.runDir!)
    let before = try runs.samples("run")
    #expect(before.hasPrefix("--- epoch 1\n") && !before.contains("--- epoch 3\n"))
    let after = "--- epoch 3\nof a run that\n--- epoch 4\nhas gone further"
    try (before + after).write(
      toFile: runs.directory.path("run/samples.txt"), atomically: true, encoding: .utf8)
    try runs.resume("run", ranks: 1) { $0.maxSteps = nil }
    #expect(try runs.samples("run") == runs.samples("whole"))
  }

  /// A broken newest checkpoint is passed over, and the lines it wrote are written again.
  @Test(arguments: [
    ("", ""), (#"\"phase\":1"#, #"\"phase\":7"#), (#""adam.m.e.weight""#, #""adam.x.e.weight""#),
  ])
  func theLastGoodCheckpointIsTaken(good: String, bad: String) throws {
    var config = runs.config("run")
    config.checkpointEvery = .steps(20)
    config.maxSteps = 50
    try TrainingFixture.run(config, runDirectory: config.runDir!)
    let last = config.runDir! + "/checkpoints/last.safetensors"
    var data = try Data(contentsOf: URL(fileURLWithPath: last))
    if let place = data.range(of: Data(good.utf8)) {
      data.replaceSubrange(place, with: Data(bad.utf8))
    } else {
      try #require(good.isEmpty)
      data.removeLast(100)
    }
    // Whatever other names it has.
    let checkpoints = config.runDir! + "/checkpoints/"
    let newest = try FileManager.default.contentsOfDirectory(atPath: checkpoints).filter {
      try Checkpoint(path: checkpoints + $0).progress?.step == 50
    }
    for name in newest { try data.write(to: URL(fileURLWithPath: checkpoints + name)) }
    let path = config.runDir!
    let summaries = Summaries()
    _ = try ThreadWorld.run(size: 2) { world in
      let logger = TrainingFixture.silentLogger
      let start = try RunStart(resuming: path, world, logger) { $0.maxSteps = 60 }
      try TrainingRun(start, world, summaries, logger).run()
    }
    #expect(summaries.all.map(\.resumedAtStep) == [40])
    let steps = try runs.lines("run").filter { $0.contains(#""kind":"step""#) }
    #expect(steps.count == 60)
  }

  /// Somebody else's files beside a run's checkpoints.
  @Test func onlyARunsOwnCheckpointsAreTaken() throws {
    var config = runs.config("run")
    config.maxSteps = 20
    try TrainingFixture.run(config, runDirectory: config.runDir!)
    config.maxSteps = 50
    config.seed = 5
    try TrainingFixture.run(config, runDirectory: runs.directory.path("other"))
    let files = FileManager.default
    let checkpoints = config.runDir! + "/checkpoints/"
    let other = runs.directory.path("other/checkpoints/last.safetensors")
    for name in ["backup", ".a.tmp-1"] {
      try files.createDirectory(atPath: checkpoints + name, withIntermediateDirectories: false)
    }
    try files.copyItem(atPath: other, toPath: checkpoints + "backup/last.safetensors")
    try files.copyItem(atPath: other, toPath: checkpoints + "mine.safetensors")
    #expect(mknod(checkpoints + "\u{1}", S_IFREG | 0o600, 0) == 0)
    try [0x61, 0xFF, 0].withUnsafeBufferPointer { name in
      let path = Array(checkpoints.utf8) + name
      let made = path.withUnsafeBufferPointer {
        $0.withMemoryRebound(to: CChar.self) { mknod($0.baseAddress!, S_IFREG | 0o600, 0) }
      }
      try #require(made == 0)
    }
    let resumed = Summaries()
    let path = config.runDir!
    _ = try ThreadWorld.run(size: 1) { world in
      let start = try RunStart(resuming: path, world, TrainingFixture.silentLogger) { $0.maxSteps = 25 }
      try TrainingRun(start, world, resumed, TrainingFixture.silentLogger).run()
    }
    #expect(resumed.all.map(\.resumedAtStep) == [20] && resumed.all.first?.config.seed == 0)
  }

  /// All that it needs is in its checkpoints.
  @Test func aRunWithoutItsConfigGoesOn() throws {
    var config = runs.config("run")
    try TrainingFixture.run(config, runDirectory: runs.directory.path("whole"))
    config.maxSteps = 50
    try TrainingFixture.run(config, runDirectory: config.runDir!)
    try FileManager.default.removeItem(atPath: config.runDir! + "/config.json")
    try runs.resume("run", ranks: 1) { $0.maxSteps = nil }
    #expect(try runs.tensorBytes("run") == runs.tensorBytes("whole"))
    #expect(FileManager.default.fileExists(atPath: config.runDir! + "/config.json"))
  }

  /// What is not of lines takes neither the memory nor the time that it would as one line.
  @Test func metricsThatAreNoLinesAreTakenAway() throws {
    var config = runs.config("run")
    config.maxSteps = 5
    try TrainingFixture.run(config, runDirectory: config.runDir!)
    let path = config.runDir! + "/metrics.jsonl"
    let file = try #require(FileHandle(forUpdatingAtPath: path))
    try file.truncate(atOffset: 300 << 20)
    try file.close()
    try runs.resume("run", ranks: 1) { $0.maxSteps = 7 }
    let steps = try runs.lines("run").filter { $0.contains(#""kind":"step""#) }
    #expect(steps.count == 7)
    // A pipe in its place is not waited for.
    try FileManager.default.removeItem(atPath: path)
    #expect(mkfifo(path, 0o600) == 0)
    #expect(runs.refusal("run", ranks: 1) { $0.maxSteps = 9 }.contains("metrics.jsonl"))
  }

  /// All that a run of short epochs writes may be one file under two names; the one before is there as well.
  @Test func aDamagedFileIsNotTheOnlyOne() throws {
    let config = runs.config("run")
    try TrainingFixture.run(config, runDirectory: config.runDir!)
    let whole = try runs.tensorBytes("run")
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
    #expect(try runs.tensorBytes("run") == whole)
  }

  /// It is that of the last whole epoch.
  @Test func inAnotherDirectoryTheBestOneIsThereToo() throws {
    var config = runs.config("run")
    let phases = config.phases
    config.phases = [phases[0]]
    try TrainingFixture.run(config, runDirectory: runs.directory.path("epoch"))
    config.phases = phases
    config.maxSteps = 60
    try TrainingFixture.run(config, runDirectory: config.runDir!)
    let (path, other) = (config.runDir!, runs.directory.path("other"))
    #expect(FileManager.default.fileExists(atPath: path + "/checkpoints/best-of-epochs.safetensors"))
    _ = try ThreadWorld.run(size: 1) { world in
      let start = try RunStart(resuming: path, world, TrainingFixture.silentLogger) {
        $0.maxSteps = nil
        $0.runDir = other
      }
      // Ended before it has validated.
      try TrainingRun(start, world, SilentObserver(), TrainingFixture.silentLogger, requests: { .stop }).run()
    }
    #expect(try runs.tensorBytes("other", "best") == runs.tensorBytes("epoch", "best"))
  }

  /// Of steps that the run has not come to again, since it went back.
  @Test func checkpointsOfBeforeARewindGoFirst() throws {
    var config = runs.config("run")
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
    try runs.resume("run", ranks: 1) { $0.maxSteps = 40 }
    let kept = try FileManager.default.contentsOfDirectory(atPath: checkpoints).filter {
      $0.hasPrefix("step-")
    }
    #expect(Set(kept) == ["step-30.safetensors", "step-40.safetensors"])
  }

  private final class Summaries: SilentObserver, @unchecked Sendable {
    private(set) var all: [RunSummary] = []

    override func runBegan(_ summary: RunSummary) { all.append(summary) }
  }
}

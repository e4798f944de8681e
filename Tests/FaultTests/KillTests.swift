import Foundation
import Glibc
import TestSupport
import Testing
import Training

/// A run that is killed at random moments, over and over, and goes on each time on another number of ranks.
///
/// KILLS says how often (20 unless told otherwise), FAULT_SEED at which moments.
@Suite struct KillTests {
  private let directory = TemporaryDirectory()
  /// So many steps that a checkpoint is written in 1% of their time, for which training waits.
  private static let interval = 400
  private static let ranks = [1, 2, 3, 4]

  private var run: FaultRun { FaultRun(directory: directory, name: "run") }

  private struct Setting {
    let kills: Int
    let seed: UInt64

    init() {
      let environment = ProcessInfo.processInfo.environment
      kills = environment["KILLS"].flatMap { Int($0) } ?? 20
      seed = environment["FAULT_SEED"].flatMap { UInt64($0) } ?? 1
    }
  }

  @Test func killedRunsEndWithTheBitsOfTheUninterruptedOne() throws {
    let setting = Setting()
    var numbers = TestNumbers(setting.seed)
    let options = FaultRun.options(directory, steps: 1_000_000_000, checkpointEvery: Self.interval)
    var kills = 0
    var killsInsideWrites = 0
    var lost: [Int] = []
    while kills < setting.kills {
      let ranks = Self.ranks[numbers.index(below: Self.ranks.count)]
      let begun = FileManager.default.fileExists(atPath: run.path + "/config.json")
      let program = try RunningProgram(
        "chartrain-dist",
        begun ? ["--resume", run.path] : options + ["--run-dir", run.path],
        ranks: ranks == 1 && numbers.index(below: 2) == 0 ? nil : ranks)
      let leftBefore = Set(run.checkpoints)
      func isWriting() -> Bool { run.checkpoints.contains { $0.hasPrefix(".") && !leftBefore.contains($0) } }
      // Half of the time where a file is being written, if one is soon enough.
      let waitsForWrite = numbers.index(below: 2) == 0
      let moment = Date() + Double(numbers.index(below: 2500)) / 1000
      while Date() < moment { usleep(500) }
      if waitsForWrite {
        let end = Date() + 4
        while Date() < end, !isWriting() { usleep(50) }
      }
      let processes = program.ranks
      // One rank, or mpirun, or all at once.
      let victims: [pid_t]
      switch numbers.index(below: 4) {
      case 0: victims = [program.process]
      case 1: victims = processes + [program.process]
      default:
        victims = processes.isEmpty ? [program.process] : [processes[numbers.index(below: processes.count)]]
      }
      for victim in victims { kill(victim, SIGKILL) }
      kills += 1
      // A rank that dies in a certain moment while it starts is not noticed by mpirun: the others give up after five minutes. Nor are, then, those.
      let outcome = try program.outcome(secondsAllowed: 330) {
        if program.hasOnlyDeadRanks(forSeconds: 10) { kill(program.process, SIGKILL) }
      }
      #expect(
        outcome.status != 0 && outcome.status != -1,
        "kill \(kills) of \(victims) of \(processes) of \(program.process): status \(outcome.status)\n\(outcome.errors)"
      )
      #expect(RunningProgram.haveEnded(processes), "kill \(kills): some ranks are left")
      if isWriting() { killsInsideWrites += 1 }
      guard let last = try lastStep() else { continue }
      lost.append(run.steps - last)
    }
    // Where a write takes longer than training waits, what is done in the meantime is lost as well; that is little.
    let mostLost = lost.max() ?? 0
    #expect(mostLost <= Self.interval * 5 / 4, "\(mostLost) steps were lost at once")
    #expect(killsInsideWrites > 0 || kills < 20)
    let reached = try #require(try lastStep())
    let steps = reached + 20
    let resumed = try Program.run(
      "chartrain-dist", ["--resume", run.path, "--max-steps", "\(steps)"], ranks: 3)
    #expect(resumed.status == 0, "\(resumed.errors)")
    #expect(
      try run.last.checksum == run.undisturbedChecksum(steps: steps, checkpointEvery: Self.interval),
      "seed \(setting.seed)")
    #expect(!run.hasTemporaryFiles)
    print(
      """
      \(kills) kills, \(killsInsideWrites) inside a write, \(steps) steps; at most \(mostLost) lost at once, more than \(Self.interval) by \
      \(lost.count { $0 > Self.interval }) kills; seed \(setting.seed)
      """
    )
  }

  /// The step of `last`, nil where the run has not come so far. All checkpoints that are there must be whole.
  private func lastStep() throws -> Int? {
    let names = run.checkpoints
    for name in names where !name.hasPrefix(".") {
      _ = try Checkpoint(path: run.path + "/checkpoints/" + name)
    }
    return names.contains("last.safetensors") ? try run.last.progress?.step : nil
  }
}

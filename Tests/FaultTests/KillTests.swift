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
  private static let interval = 40
  private static let ranks = [1, 2, 3, 4]

  private var run: String { directory.path("run") }

  /// Twelve blocks, so that 1, 2, 3 and 4 ranks give the same bits.
  private func options(_ steps: Int) -> [String] {
    [
      "--train", directory.path("text.txt"), "--cell", "lstm", "--layers", "2", "--hidden", "40", "--dropout",
      "0.3",
      "--bs", "12", "--bptt", "12", "--bptt-jitter", "--blocks", "12", "--reduce", "tree", "--epochs",
      "1000000",
      "--max-steps", "\(steps)", "--checkpoint-every", "\(Self.interval)", "--sample-length", "0", "--quiet",
    ]
  }

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
    let text = (0..<4000).map { "\($0 * $0 % 4999) is \($0 * 31 % 97)\n" }.joined()
    directory.write("text.txt", text)
    var kills = 0
    var killsInsideWrites = 0
    var mostLost = 0
    while kills < setting.kills {
      let ranks = Self.ranks[numbers.index(below: Self.ranks.count)]
      let begun = FileManager.default.fileExists(atPath: run + "/config.json")
      let program = try RunningProgram(
        "chartrain-dist",
        begun
          ? ["--resume", run, "--max-steps", "1000000000"] : options(1_000_000_000) + ["--run-dir", run],
        ranks: ranks == 1 && numbers.index(below: 2) == 0 ? nil : ranks)
      // Half of the time where a file is being written, if one is soon enough.
      let waitsForWrite = numbers.index(below: 2) == 0
      let moment = Date() + Double(numbers.index(below: 1500)) / 1000
      while Date() < moment { usleep(500) }
      if waitsForWrite {
        let end = Date() + 2
        while Date() < end, !isWriting { usleep(50) }
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
      let outcome = try program.outcome(secondsAllowed: 60)
      #expect(outcome.status != 0 && outcome.status != -1, "kill \(kills): status \(outcome.status)")
      #expect(RunningProgram.haveEnded(processes), "kill \(kills): some ranks are left")
      if leftovers > 0 { killsInsideWrites += 1 }
      guard let last = try lastStep() else { continue }
      mostLost = max(mostLost, loggedSteps - last)
    }
    // What is written while it goes on is lost as well: a write here takes a few steps, not as many as an interval has.
    #expect(mostLost <= 2 * Self.interval, "\(mostLost) steps were lost at once")
    let reached = try #require(try lastStep())
    let steps = reached + 20
    let resumed = try Program.run("chartrain-dist", ["--resume", run, "--max-steps", "\(steps)"], ranks: 3)
    #expect(resumed.status == 0, "\(resumed.errors)")
    let whole = try Program.run(
      "chartrain-dist", options(steps) + ["--run-dir", directory.path("whole")], secondsAllowed: 3600)
    #expect(whole.status == 0, "\(whole.errors)")
    #expect(try checksum(run) == checksum(directory.path("whole")), "seed \(setting.seed)")
    #expect(leftovers == 0)
    print(
      "\(kills) kills, \(killsInsideWrites) inside a write, at most \(mostLost) steps lost at once of \(steps); seed \(setting.seed)"
    )
  }

  private var names: [String] {
    (try? FileManager.default.contentsOfDirectory(atPath: run + "/checkpoints")) ?? []
  }

  private var isWriting: Bool { names.contains { $0.hasPrefix(".") } }

  /// Files that dead writers have left.
  private var leftovers: Int { names.count { $0.hasPrefix(".") } }

  /// The step of `last`, read whole; nil where the run has not come so far.
  private func lastStep() throws -> Int? {
    guard names.contains("last.safetensors") else { return nil }
    // All that are there must be whole.
    for name in names where !name.hasPrefix(".") { _ = try Checkpoint(path: run + "/checkpoints/" + name) }
    return try Checkpoint(path: run + "/checkpoints/last.safetensors").progress?.step
  }

  private var loggedSteps: Int {
    let text = (try? String(contentsOfFile: run + "/metrics.jsonl", encoding: .utf8)) ?? ""
    return text.components(separatedBy: #""kind":"step""#).count - 1
  }

  private func checksum(_ run: String) throws -> String {
    try #require(try Checkpoint(path: run + "/checkpoints/last.safetensors").checksum)
  }
}

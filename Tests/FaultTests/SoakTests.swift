import Foundation
import Glibc
import TestSupport
import Testing

/// A run that is killed and goes on, again and again, for as long as SOAK_SECONDS says (half a minute unless told otherwise): its ranks must
/// not grow.
@Suite struct SoakTests {
  private let directory = TemporaryDirectory()
  private var run: FaultRun { FaultRun(directory: directory, name: "run") }
  private var ranks: [pid_t] { RunningProgram.processes(withArgument: run.path, named: "chartrain-dist") }

  @Test func memoryStaysFlat() throws {
    let seconds = ProcessInfo.processInfo.environment["SOAK_SECONDS"].flatMap { Double($0) } ?? 30
    let begin = Date()
    var passed: Double { Date().timeIntervalSince(begin) }
    // Each life is long enough for a rank to come to its working size and to stay there.
    let life = seconds / 6
    var sizes: [Int: [Double]] = [:]
    var kills = 0
    while passed < seconds {
      let options =
        FileManager.default.fileExists(atPath: run.path + "/config.json")
        ? ["--resume", run.path]
        : FaultRun.options(directory, steps: 1_000_000_000) + ["--run-dir", run.path]
      let program = try RunningProgram("chartrain-dist", options, ranks: 2)
      let end = passed + life
      let before = run.steps
      try program.wait { run.steps > before + 50 || run.steps < before }
      let settled = passed + (end - passed) / 3
      while passed < min(end, seconds) {
        usleep(250_000)
        // The first life, five minutes of thirty, has not read a checkpoint.
        guard passed > settled, kills > 0 else { continue }
        for (rank, process) in program.ranks.enumerated() {
          if let size = RunningProgram.residentKiB(process) { sizes[rank, default: []].append(size) }
        }
      }
      kill(program.ranks.randomElement() ?? program.process, SIGKILL)
      kills += 1
      _ = try program.outcome()
    }
    #expect(sizes.count == 2)
    for (rank, sizes) in sizes.sorted(by: { $0.key < $1.key }) {
      let (low, high) = (sizes.min()!, sizes.max()!)
      let growth = (high / low - 1) * 100
      print(
        "rank \(rank): \(Int(low)) to \(Int(high)) KiB in \(sizes.count) looks, \(growth) % apart; \(kills) kills, \(run.steps) steps"
      )
      #expect(growth < 1, "rank \(rank)")
    }
  }
}

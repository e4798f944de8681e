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
    /// Of each life, of each rank.
    var sizes: [[[Double]]] = []
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
      var lifeSizes: [[Double]] = [[], []]
      let settled = passed + (end - passed) / 3
      while passed < min(end, seconds) {
        usleep(250_000)
        // The first life, five minutes of thirty, has not read a checkpoint.
        guard passed > settled, kills > 0 else { continue }
        for (rank, process) in program.ranks.enumerated() where rank < 2 {
          if let size = RunningProgram.residentKiB(process) { lifeSizes[rank].append(size) }
        }
      }
      if kills > 0 { sizes.append(lifeSizes) }
      kill(program.ranks.randomElement() ?? program.process, SIGKILL)
      kills += 1
      _ = try program.outcome()
    }
    for rank in 0..<2 {
      let lives = sizes.map { $0[rank] }
      try #require(lives.allSatisfy { $0.count > 1 }, "rank \(rank) was not there to be looked at")
      let ranges = lives.map { "\(Int($0.min()!)) to \(Int($0.max()!))" }.joined(separator: ", ")
      print("rank \(rank): \(ranges) KiB in \(lives.count) lives after the first; \(run.steps) steps")
      for sizes in lives { #expect(sizes.max()! < 1.01 * sizes.min()!, "rank \(rank)") }
      // Processes differ by some pages whatever they do.
      #expect(lives.last!.max()! < 1.02 * lives.first!.max()!, "rank \(rank)")
    }
  }
}

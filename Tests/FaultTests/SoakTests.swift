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
    let lives = 6
    /// Of each life but the first, which has not read a checkpoint, of each rank.
    var sizes: [[[Double]]] = []
    for life in 0..<lives {
      let options =
        life > 0
        ? ["--resume", run.path]
        : FaultRun.options(directory, steps: 1_000_000_000) + ["--run-dir", run.path]
      let program = try RunningProgram("chartrain-dist", options, ranks: 2)
      let before = run.steps
      try program.wait { run.steps > before + 50 || run.steps < before }
      let start = Date()
      let end = start + seconds / Double(lives)
      var lifeSizes: [[Double]] = [[], []]
      while Date() < end {
        usleep(250_000)
        // By the second third a rank has come to its working size.
        guard Date().timeIntervalSince(start) > seconds / Double(lives) / 3 else { continue }
        for (rank, process) in program.ranks.enumerated() where rank < 2 {
          if let size = RunningProgram.residentKiB(process) { lifeSizes[rank].append(size) }
        }
      }
      if life > 0 { sizes.append(lifeSizes) }
      kill(program.ranks.randomElement() ?? program.process, SIGKILL)
      _ = try program.outcome()
    }
    for rank in 0..<2 {
      let lives = sizes.map { $0[rank] }
      try #require(lives.allSatisfy { $0.count > 1 }, "rank \(rank) was not there to be looked at")
      let ranges = lives.map { "\(Int($0.min()!)) to \(Int($0.max()!))" }.joined(separator: ", ")
      print("rank \(rank): \(ranges) KiB in \(lives.count) lives after the first; \(run.steps) steps")
      for sizes in lives { #expect(sizes.max()! < 1.01 * sizes.min()!, "rank \(rank)") }
      // Processes differ by some pages whatever they do.
      #expect(lives.last!.max()! < 1.03 * lives.first!.max()!, "rank \(rank)")
    }
  }
}

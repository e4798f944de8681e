import Foundation
import Glibc
import TestSupport
import Testing

/// Ranks that hang.
@Suite struct StallTests {
  private let directory = TemporaryDirectory()

  /// A rank is stopped: the lowest of the others names it, and ends the run.
  @Test(arguments: [(ranks: 2, stopped: 1), (2, 0), (4, 2)], ["tree", "mpi"])
  func aRankThatHangsIsNamed(_ ranks: (ranks: Int, stopped: Int), reduce: String) throws {
    let program = try RunningProgram(
      "chartrain-dist",
      [
        "--hidden", "32", "--bs", "8", "--run-dir", "run", "--epochs", "1000", "--sample-length", "0",
        "--reduce",
        reduce, "--stall-warning", "2", "--stall-timeout", "6",
      ], ranks: ranks.ranks, currentDirectory: directory.path)
    let metrics = directory.path("run") + "/metrics.jsonl"
    try program.wait { (FileManager.default.contents(atPath: metrics)?.count ?? 0) > 1000 }
    let processes = program.ranks
    kill(processes[ranks.stopped], SIGSTOP)
    let outcome = try program.outcome()
    #expect(outcome.status == 1)
    let speaker = ranks.stopped == 0 ? 1 : 0
    #expect(outcome.errorLines.count >= 2, "\(outcome.errors)")
    // A machine that is very busy may make ranks wait for each other before.
    for (line, kind) in zip(outcome.errorLines.suffix(2), ["warning", "error"]) {
      #expect(line.hasPrefix("chartrain-dist: \(kind): rank \(speaker) on "), "\(line)")
      #expect(line.contains("no sign of life from rank \(ranks.stopped) on "), "\(line)")
    }
    #expect(RunningProgram.haveEnded(processes), "some ranks are left")
  }

  /// A rank that is slow, and not dead, is waited for.
  @Test func aRankThatComesBackIsWaitedFor() throws {
    let program = try RunningProgram(
      "chartrain-dist",
      [
        "--hidden", "32", "--bs", "8", "--run-dir", "run", "--max-steps", "3000", "--sample-length", "0",
        "--stall-warning", "1",
      ], ranks: 2, currentDirectory: directory.path)
    let metrics = directory.path("run") + "/metrics.jsonl"
    try program.wait { (FileManager.default.contents(atPath: metrics)?.count ?? 0) > 1000 }
    let stopped = program.ranks[1]
    kill(stopped, SIGSTOP)
    try program.wait { program.errorsSoFar.contains("no sign of life from rank 1") }
    kill(stopped, SIGCONT)
    #expect(try program.outcome().status == 0)
  }

  /// What `config.json` says is read before MPI starts, and may be anything.
  @Test func aLimitThatCannotBeInAConfigIsNotBelieved() throws {
    let options = ["--hidden", "8", "--sample-length", "0", "--quiet"]
    let first = try Program.run(
      "chartrain-dist", options + ["--max-steps", "2", "--run-dir", "run"], currentDirectory: directory.path)
    #expect(first.status == 0, "\(first.errors)")
    let path = directory.path("run/config.json")
    let config = try String(contentsOfFile: path, encoding: .utf8)
    let changed = config.replacing(/"stallTimeout" : [0-9]+/, with: #""stallTimeout" : 1e300"#)
    #expect(changed != config)
    try changed.write(toFile: path, atomically: true, encoding: .utf8)
    let resumed = try Program.run(
      "chartrain-dist", ["--resume", "run", "--max-steps", "3"], ranks: 2, currentDirectory: directory.path)
    #expect(resumed.status == 0, "\(resumed.errors)")
  }

  /// A rank that never comes to start MPI, which would wait for it forever.
  @Test func aRankThatDoesNotStartIsNotWaitedForForever() throws {
    let program = Program.path("chartrain-dist")
    let outcome = try Program.run(
      [
        "mpirun", "-q", "-n", "2", "sh", "-c",
        "[ $OMPI_COMM_WORLD_RANK = 0 ] || exec sleep 100; exec \"$0\" \"$@\"", program,
        "--hidden", "8", "--stall-timeout", "3", "--stall-warning", "1",
      ], currentDirectory: directory.path, secondsAllowed: 60)
    #expect(outcome.status == 1, "\(outcome.errors)")
    #expect(
      outcome.errors.contains(
        "rank 0 gives up: expected all ranks to start within 3 s, found one that does not"),
      "\(outcome.errors)")
  }
}

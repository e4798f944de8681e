import Foundation
import Glibc
import TestSupport
import Testing

/// `launch/train` and `launch/supervise`, with real signals and real deaths.
@Suite struct LauncherTests {
  private let directory = TemporaryDirectory()
  private var run: FaultRun { FaultRun(directory: directory, name: "run") }
  private static let environment = ["CHARTRAIN_PROGRAM": Program.path("chartrain-dist"), "BACKOFF": "0"]

  private func start(_ script: String, steps: Int, ranks: Int) throws -> RunningProgram {
    try RunningProgram(
      [Outside.top + "/launch/" + script] + FaultRun.options(directory, steps: steps)
        + ["--run-dir", run.path],
      environment: Self.environment.merging(["RANKS": "\(ranks)"]) { $1 })
  }

  /// The processes of the run.
  private var ranks: [pid_t] { RunningProgram.processes(withArgument: run.path, named: "chartrain-dist") }

  @Test(arguments: ["train", "supervise"], [SIGTERM, SIGINT, SIGUSR1])
  func aSignalStopsTheRun(script: String, signal: Int32) throws {
    let program = try start(script, steps: 1_000_000, ranks: 2)
    try program.wait { run.steps > 5 }
    kill(program.process, signal)
    let outcome = try program.outcome()
    #expect(outcome.status == 75, "\(outcome.errors)")
    #expect(try run.last.progress?.step == run.steps)
  }

  /// While mpirun starts its ranks, too; before the script can listen, it ends.
  @Test(arguments: ["train", "supervise"], [0.1, 0.15, 0.2, 0.3, 0.5])
  func aSignalIsNeverTooEarly(script: String, seconds: Double) throws {
    let program = try start(script, steps: 100_000_000, ranks: 2)
    usleep(UInt32(seconds * 1e6))
    kill(program.process, SIGTERM)
    let outcome = try program.outcome(secondsAllowed: 60)
    #expect([75, 128 + SIGTERM].contains(outcome.status), "\(outcome.status): \(outcome.errors)")
    #expect(!outcome.errors.contains("exited on signal"), "\(outcome.errors)")
    #expect(RunningProgram.haveEnded(ranks))
  }

  /// Those that have nothing to save.
  @Test func otherCommandsEndOnASignal() throws {
    let program = try RunningProgram(
      [Outside.top + "/launch/train", "bench", "--steps", "1000000", "--hidden", "16"],
      environment: Self.environment.merging(["RANKS": "2"]) { $1 }, currentDirectory: directory.path)
    sleep(2)
    kill(program.process, SIGTERM)
    let outcome = try program.outcome(secondsAllowed: 60)
    #expect(outcome.status > 0, "\(outcome.errors)")
  }

  /// mpirun by itself gives one rank, or each of two, a single core.
  @Test(.enabled(if: ProcessInfo.processInfo.processorCount > 1, "one processor"), arguments: [1, 2])
  func threadsHaveMoreThanOneCore(ranks: Int) throws {
    let outcome = try Program.run(
      [Outside.top + "/launch/train"] + FaultRun.options(directory, steps: 3) + [
        "--run-dir", run.path, "--threads", "2",
      ], environment: Self.environment.merging(["RANKS": "\(ranks)"]) { $1 })
    #expect(outcome.status == 0 && !outcome.errors.contains("take turns"), "\(outcome.errors)")
    let config = try String(contentsOfFile: run.path + "/config.json", encoding: .utf8)
    let processors = config.matches(of: /"processors" : "([0-9,-]+)"/).map { String($0.1) }
    #expect(processors.count == ranks && processors.allSatisfy { $0.contains("-") || $0.contains(",") })
    let bound = try Program.run(
      ["mpirun", "-q", "-n", "1", "--bind-to", "core", Program.path("chartrain-dist")]
        + FaultRun.options(directory, steps: 3).filter { $0 != "--quiet" } + [
          "--run-dir", directory.path("bound"), "--threads", "\(ProcessInfo.processInfo.processorCount)",
        ])
    #expect(bound.errors.contains("take turns"), "\(bound.errors)")
  }

  @Test func aRankThatIsKilledIsNamed() throws {
    let program = try start("train", steps: 1_000_000, ranks: 3)
    try program.wait { run.steps > 5 && ranks.count == 3 }
    kill(try #require(ranks.last), SIGKILL)
    let outcome = try program.outcome()
    #expect(outcome.status == 128 + SIGKILL)
    let lines = outcome.errors.split(separator: "\n").filter { $0.hasPrefix("train: error: ") }
    #expect(lines.count == 1, "\(outcome.errors)")
    #expect(
      lines.first?.contains(/rank [012] on .* exited on signal 9/) == true, "\(outcome.errors)")
    #expect(ranks.isEmpty)
  }

  /// Where a library calls `exit`.
  @Test func aRankThatLeavesIsNamed() throws {
    let outcome = try Program.run(
      [Outside.top + "/launch/train"] + FaultRun.options(directory, steps: 1_000_000) + [
        "--run-dir", run.path,
      ],
      environment: Self.environment.merging([
        "RANKS": "3", "LD_PRELOAD": Program.path("libFaultyStorage.so"),
        "FAULT_PATH": run.path + "/checkpoints", "FAULT_AT": "20", "FAULT_ERROR": "-3",
      ]) { $1 })
    #expect(outcome.status == 3, "\(outcome.errors)")
    #expect(outcome.errorLines.count == 1, "\(outcome.errors)")
    #expect(
      outcome.errors.contains(
        /^chartrain-dist: error: rank 0 on .* left the run with status 3$/.anchorsMatchLineEndings()),
      "\(outcome.errors)")
    #expect(ranks.isEmpty)
  }

  @Test func supervisedRunsGoOnUntilTheEnd() throws {
    // So many that it does not end between two kills, however seldom this test gets a turn.
    let steps = 6000
    let program = try start("supervise", steps: steps, ranks: 2)
    for number in 0..<3 {
      let before = run.steps
      try program.wait(secondsAllowed: 180) { ranks.count == 2 && run.steps > before + 60 }
      // A rank, or mpirun, whose ranks are there for another second.
      let victims = number == 1 ? RunningProgram.processes(withArgument: run.path, named: "mpirun") : ranks
      kill(try #require(victims.last), SIGKILL)
      let old = ranks
      let said = number + 1
      try program.wait(secondsAllowed: 180) {
        program.errorsSoFar.components(separatedBy: "goes on in").count - 1 >= said
      }
      #expect(RunningProgram.haveEnded(old))
    }
    let outcome = try program.outcome(secondsAllowed: 240)
    #expect(outcome.status == 0, "\(outcome.errors)")
    #expect(try run.last.checksum == run.undisturbedChecksum(steps: steps))
    #expect(try run.last.progress?.restarts == 3)
  }

  /// An mpirun that does not notice that its ranks are dead, as happens when they die while it starts them; here because it is stopped.
  @Test func anMpirunWhoseRanksAreDeadIsEnded() throws {
    let steps = 6000
    let program = try start("supervise", steps: steps, ranks: 2)
    try program.wait(secondsAllowed: 180) { ranks.count == 2 && run.steps > 60 }
    let mpirun = try #require(RunningProgram.processes(withArgument: run.path, named: "mpirun").first)
    kill(mpirun, SIGSTOP)
    for rank in ranks { kill(rank, SIGKILL) }
    try program.wait { program.errorsSoFar.contains("goes on in") }
    #expect(RunningProgram.haveEnded([mpirun]))
    #expect(program.errorsSoFar.contains("error: all ranks were dead and mpirun did not notice"))
    let outcome = try program.outcome(secondsAllowed: 240)
    #expect(outcome.status == 0, "\(outcome.errors)")
    #expect(try run.last.progress?.restarts == 1)
  }

  /// Said once more, it goes on; a preset that it has already is no contradiction.
  @Test func theSameCommandGoesOn() throws {
    let command =
      [Outside.top + "/launch/supervise", "--preset", "notebook-rnn"]
      + FaultRun.options(directory, steps: 20) + ["--lowercase", "--newlines", "keep", "--run-dir", run.path]
    for _ in 0..<2 {
      let outcome = try Program.run(command, environment: Self.environment)
      #expect(outcome.status == 0, "\(outcome.errors)")
    }
    #expect(try run.last.progress?.restarts == 1)
  }

  /// The text of the notebook's experiments, as far as it can be had without a network; and what is not that text.
  @Test func aTextIsFetchedCheckedAndSplit() throws {
    let script = Outside.top + "/launch/get-corpus"
    directory.write("other.txt", "not by Nietzsche\n")
    for name in ["nietzsche", "shakespeare"] {
      let other = try Program.run(
        [script, name, directory.path("data")],
        environment: ["FROM": "file://" + directory.path("other.txt")])
      #expect(other.status == 1)
      #expect(other.errors.contains("expected the text with the SHA-256"), "\(other.errors)")
      #expect(try FileManager.default.contentsOfDirectory(atPath: directory.path("data")).isEmpty)
    }
    #expect(try Program.run([script, "homer"]).status == 64)
    let whole = Outside.nietzsche + "/nietzsche.txt"
    guard FileManager.default.fileExists(atPath: whole) else { return }
    let outcome = try Program.run(
      [script, "nietzsche", directory.path("data")], environment: ["FROM": "file://" + whole])
    #expect(outcome.status == 0, "\(outcome.errors)")
    for (name, bytes) in [("trn", 493_753), ("val", 107_148)] {
      #expect(FileManager.default.contents(atPath: directory.path("data/\(name).txt"))?.count == bytes)
    }
    // A text that is there is not fetched again.
    #expect(
      try Program.run([script, "nietzsche", directory.path("data")], environment: ["FROM": "file:///none"])
        .status == 0)
  }

  /// What another try would find again is not tried again.
  @Test func badInputIsNotTriedAgain() throws {
    let outcome = try Program.run(
      [Outside.top + "/launch/supervise", "--bs", "0", "--run-dir", run.path], environment: Self.environment)
    #expect(outcome.status == 64)
    #expect(outcome.errorLines.count == 1, "\(outcome.errors)")
    let missing = try Program.run(
      [Outside.top + "/launch/supervise", "--train", directory.path("none"), "--run-dir", run.path],
      environment: Self.environment)
    #expect(missing.status == 74)
    #expect(!missing.errors.contains("goes on in"), "\(missing.errors)")
  }
}

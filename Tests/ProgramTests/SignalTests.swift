import Foundation
import Glibc
import TestSupport
import Testing
import Training

/// Signals to real processes, of one rank or of several under mpirun.
@Suite struct SignalTests {
  private let directory = TemporaryDirectory()
  private static let text = (0..<6000).map { "\($0 * $0 % 997) " }.joined()

  /// Steps slow enough to be caught in the middle, and more than anyone waits for.
  private let options = [
    "--train", "text.txt", "--cell", "lstm", "--hidden", "48", "--bs", "8", "--bptt", "16", "--epochs",
    "2000",
    "--sample-length", "0", "--checkpoint-every", "7",
  ]

  init() { directory.write("text.txt", Self.text) }

  /// Starts a run, waits until it has made some steps, and returns its process.
  private func start(_ run: String, ranks: Int?) throws -> RunningProgram {
    let program = try RunningProgram(
      "chartrain-dist", options + ["--run-dir", run], ranks: ranks, currentDirectory: directory.path)
    try program.wait { steps(run) >= 5 }
    return program
  }

  private func steps(_ run: String) -> Int {
    let text = (try? String(contentsOfFile: directory.path(run) + "/metrics.jsonl", encoding: .utf8)) ?? ""
    return text.components(separatedBy: #""kind":"step""#).count - 1
  }

  private func last(_ run: String) throws -> Checkpoint {
    try Checkpoint(path: directory.path(run) + "/checkpoints/last.safetensors")
  }

  /// One rank is asked; all stop after the same step and are saved.
  @Test(arguments: [SIGUSR1, SIGTERM, SIGINT, SIGHUP], [1, 2, 3, 4])
  func aSignalToAnyRankStopsAll(signal: Int32, ranks: Int) throws {
    let program = try start("run", ranks: ranks)
    let processes = program.ranks
    #expect(processes.count == ranks)
    kill(processes[Int(signal) % ranks], signal)
    let outcome = try program.outcome()
    #expect(outcome.status == 75, "\(outcome.errors)")
    let launcher = ranks > 1 ? "mpirun -n \(ranks) " : ""
    let command = "\(launcher)\(Program.path("chartrain-dist")) --resume run"
    #expect(
      outcome.output.contains("stopped on request; to go on: \(command)\n"),
      "\(outcome.output)")
    let step = try #require(try last("run").progress?.step)
    #expect(step == steps("run"))
  }

  // MARK: At bad moments

  /// A text that never comes: there is nothing to save yet.
  @Test(arguments: [SIGTERM, SIGINT, SIGUSR1], [1, 3])
  func beforeThereIsAnythingToSave(signal: Int32, ranks: Int) throws {
    #expect(mkfifo(directory.path("pipe"), 0o600) == 0)
    let program = try RunningProgram(
      "chartrain-dist", ["--train", "pipe", "--run-dir", "run"], ranks: ranks,
      currentDirectory: directory.path)
    // Reading has begun where the other end can be opened.
    var end: Int32 = -1
    try program.wait {
      end = open(directory.path("pipe"), O_WRONLY | O_NONBLOCK)
      return end >= 0
    }
    defer { close(end) }
    kill(program.ranks[0], signal)
    #expect(try program.outcome().status == 75)
    #expect(!FileManager.default.fileExists(atPath: directory.path("run")))
  }

  /// Whoever reads what the program prints may go away.
  @Test func aClosedOutputDoesNotEndARun() throws {
    let command =
      "'\(Program.path("chartrain-dist"))' \(options.joined(separator: " ")) --run-dir run --max-steps 40"
    let outcome = try Program.run(
      ["bash", "-c", "set -o pipefail; \(command) | head -1"], currentDirectory: directory.path)
    #expect(outcome.status == 0, "\(outcome.errors)")
    #expect(try last("run").progress?.step == 40)
  }

  /// Starts a run whose options are these.
  private func start(_ options: [String], until condition: (RunningProgram) -> Bool) throws -> RunningProgram
  {
    let program = try RunningProgram(
      "chartrain-dist", options + ["--run-dir", "run", "--sample-length", "0"], ranks: 2,
      currentDirectory: directory.path)
    try program.wait { condition(program) }
    return program
  }

  private var checkpoints: [String] {
    (try? FileManager.default.contentsOfDirectory(atPath: directory.path("run") + "/checkpoints")) ?? []
  }

  private static let large = ["--cell", "lstm", "--layers", "2", "--hidden", "512"]

  /// It is the first that is finished, and there is no other.
  @Test func inTheFirstStep() throws {
    let program = try start(
      Self.large + ["--train", "text.txt", "--bs", "64", "--bptt", "100", "--epochs", "1000"]
    ) { _ in checkpoints.contains("last.safetensors") }
    try #require(steps("run") == 0)
    kill(program.ranks[1], SIGTERM)
    let outcome = try program.outcome()
    #expect(outcome.status == 75, "\(outcome.errors)")
    #expect(steps("run") == 1)
    #expect(try last("run").progress?.step == 1)
  }

  /// It is given up, whichever rank is asked, and will be made up for.
  @Test(arguments: [0, 1]) func inAValidation(rank: Int) throws {
    directory.write("valid.txt", String(repeating: Self.text, count: 100))
    // Of 8 streams and windows of 32.
    let stepsOfAnEpoch = (Self.text.count / 8 - 1 + 31) / 32
    let program = try start([
      "--train", "text.txt", "--valid", "valid.txt", "--hidden", "128", "--bs", "8", "--epochs", "2",
    ]) { _ in steps("run") == stepsOfAnEpoch }
    // The end of the last of them is the start of the validation, nearly.
    usleep(200_000)
    kill(program.ranks[rank], SIGTERM)
    let outcome = try program.outcome()
    #expect(outcome.status == 75, "\(outcome.errors)")
    #expect(try last("run").progress?.epochToValidate == 1)
  }

  /// It is finished, and so is the last one.
  @Test func whileACheckpointIsWritten() throws {
    let program = try start(
      Self.large + ["--train", "text.txt", "--bs", "4", "--bptt", "4", "--checkpoint-every", "1"]
    ) { _ in steps("run") > 3 && checkpoints.contains { $0.hasPrefix(".") } }
    kill(program.ranks[1], SIGTERM)
    let outcome = try program.outcome()
    #expect(outcome.status == 75, "\(outcome.errors)")
    #expect(try last("run").progress?.step == steps("run"))
    #expect(!checkpoints.contains { $0.hasPrefix(".") })
  }

  // MARK: To the launcher, and on

  /// mpirun passes it on to all ranks.
  @Test func aSignalToTheLauncherStopsAll() throws {
    let program = try start("run", ranks: 2)
    kill(program.process, SIGUSR1)
    #expect(try program.outcome().status == 75)
  }

  /// Going on after that gives the bits of a run that was never stopped.
  @Test func aStoppedRunGoesOn() throws {
    let program = try start("run", ranks: nil)
    kill(program.process, SIGTERM)
    #expect(try program.outcome().status == 75)
    let total = steps("run") + 20
    let resumed = try Program.run(
      "chartrain-dist", ["--resume", "run", "--max-steps", "\(total)", "--quiet"], ranks: 2,
      currentDirectory: directory.path)
    #expect(resumed.status == 0, "\(resumed.errors)")
    let whole = try Program.run(
      "chartrain-dist", options + ["--run-dir", "whole", "--max-steps", "\(total)", "--quiet"],
      currentDirectory: directory.path)
    #expect(whole.status == 0, "\(whole.errors)")
    #expect(try last("run").checksum == last("whole").checksum)
  }

  @Test func asOftenAsOneLikes() throws {
    let program = try start("run", ranks: 2)
    for _ in 0..<5 {
      kill(program.ranks[1], SIGUSR2)
      let before = steps("run")
      try program.wait { steps("run") > before + 2 }
    }
    kill(program.ranks[0], SIGTERM)
    #expect(try program.outcome().status == 75)
  }

  /// Of a rank that waits for another and so cannot do what the first asks for.
  @Test func aSecondInterruptEndsAtOnce() throws {
    let program = try start("run", ranks: 2)
    let ranks = program.ranks
    kill(ranks[1], SIGSTOP)
    kill(ranks[0], SIGINT)
    try program.wait { !hasPendingSignals(ranks[0]) }
    kill(ranks[0], SIGINT)
    let outcome = try program.outcome()
    #expect(outcome.status == 130)
    #expect(
      outcome.errorLines.contains { $0.contains(/error: rank 0 on .* left the run with status 130/) },
      "\(outcome.errors)")
  }

  private func hasPendingSignals(_ process: pid_t) -> Bool {
    let status = FileManager.default.contents(atPath: "/proc/\(process)/status") ?? Data()
    let line = String(decoding: status, as: UTF8.self).split(separator: "\n").first {
      $0.hasPrefix("ShdPnd:")
    }
    return line.map { !$0.hasSuffix("\t0000000000000000") } ?? false
  }
}

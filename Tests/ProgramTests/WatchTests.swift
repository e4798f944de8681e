import Foundation
import Glibc
import TestSupport
import Testing

/// A run looked at from another terminal.
@Suite struct WatchTests {
  private let directory = TemporaryDirectory()

  init() {
    directory.write("text.txt", (0..<1500).map { "\($0 * $0 % 499) is <b>\($0 * 31 % 97)</b>\n" }.joined())
  }

  private func start(epochs: Int, ranks: Int? = nil) throws -> RunningProgram {
    try RunningProgram(
      "chartrain-dist",
      [
        "--run-dir", "live", "--train", "text.txt", "--hidden", "24", "--bs", "8", "--bptt", "16", "--epochs",
        "\(epochs)", "--sample-length", "80", "--quiet",
      ], ranks: ranks, currentDirectory: directory.path)
  }

  private func run(_ arguments: String...) throws -> Program.Outcome {
    try Program.run("chartrain-dist", arguments, currentDirectory: directory.path)
  }

  /// On a terminal, which `script` provides.
  private func runOnTerminal(_ arguments: String, columns: Int) throws -> Program.Outcome {
    let command = "stty cols \(columns); \(Program.path("chartrain-dist")) \(arguments)"
    return try Program.run(
      ["script", "-qec", command, "/dev/null"], environment: ["TERM": "xterm"],
      currentDirectory: directory.path)
  }

  /// Before the run's end and after it.
  @Test func aRunIsWatched() throws {
    let program = try start(epochs: 100_000, ranks: 2)
    try program.wait { (try? run("watch", "live").output.contains("sample after epoch")) == true }
    let page = try run("watch", "live").output
    #expect(
      page.contains("going on") && page.contains("chars/s")
        && page.contains("ranks in that epoch: balance ") && page.contains("best"), "\(page)")
    // 100,000 epochs of some hundredths of a second.
    #expect(page.contains(#/ [0-9]+:[0-9]{2}:[0-9]{2} left /#), "\(page)")
    #expect(page.unicodeScalars.contains { (0x2801...0x28FF).contains($0.value) }, "\(page)")
    #expect(page.split(separator: "\n").allSatisfy { $0.count <= 80 }, "\(page)")
    kill(program.process, SIGUSR1)
    #expect(try program.outcome().status == 75)
    let after = try run("watch", "live").output
    #expect(after.contains("stopped on request") && !after.contains(" left "), "\(after)")
    // Gone on with, and killed.
    let again = try RunningProgram(
      "chartrain-dist", ["--resume", "live", "--quiet"], ranks: nil, currentDirectory: directory.path)
    try again.wait { (try? run("watch", "live").output.contains("1 restart\n")) == true }
    kill(again.process, SIGKILL)
    _ = try again.outcome()
    let killed = try run("watch", "live").output
    #expect(killed.contains("ended without a word"), "\(killed)")
  }

  @Test func onATerminalItIsDrawnAnewUntilTheRunEnds() throws {
    let program = try start(epochs: 12)
    try program.wait { (try? run("watch", "live").status == 0) == true }
    let outcome = try runOnTerminal("watch live --every 0.1", columns: 60)
    #expect(try program.outcome().status == 0)
    let pages = outcome.output.components(separatedBy: "\u{1B}[H\u{1B}[2J").dropFirst()
    #expect(outcome.status == 0 && pages.count > 2, "\(outcome.output)")
    #expect(pages.first?.contains("going on") == true && pages.last?.contains("finished") == true)
    for line in pages.flatMap({ $0.split(whereSeparator: \.isNewline) }) {
      #expect(line.count <= 60, "\(line)")
    }
  }

  @Test func onceIsOnce() throws {
    #expect(try start(epochs: 1).outcome().status == 0)
    let outcome = try runOnTerminal("watch live --once", columns: 80)
    #expect(outcome.status == 0 && outcome.output.contains("finished"), "\(outcome.output)")
    #expect(!outcome.output.contains("\u{1B}["), "\(outcome.output)")
  }

  @Test func whatCannotBeWatchedIsRefused() throws {
    #expect(try run("watch", "none").status == 64)
    #expect(try start(epochs: 1).outcome().status == 0)
    for every in ["0", "3601", "nan"] {
      let refused = try run("watch", "live", "--every", every)
      #expect(
        refused.status == 64 && refused.errors.contains("--every: expected 0.1 to 3600 seconds"),
        "\(refused.errors)")
    }
  }
}

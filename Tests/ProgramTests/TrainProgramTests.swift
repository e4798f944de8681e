import CProcessor
import Foundation
import Kernels
import TestSupport
import Testing
import Training

/// The program as a user runs it, under mpirun.
@Suite struct TrainProgramTests {
  private let directory = TemporaryDirectory()

  private func losses(_ run: String) throws -> [Double] {
    struct Line: Decodable {
      let kind: String
      let loss: Double?
    }
    let text = try String(contentsOfFile: directory.path(run) + "/metrics.jsonl", encoding: .utf8)
    return try text.split(separator: "\n").map { try JSONDecoder().decode(Line.self, from: Data($0.utf8)) }
      .filter { $0.kind == "step" }.compactMap(\.loss)
  }

  /// 50 steps with dropout on: the same curve, and the same bits on all ranks after every step (or the run fails).
  @Test(arguments: ["rnn", "gru", "lstm"])
  func oneToFourRanksFollowTheSameCurve(cell: String) throws {
    for ranks in 1...4 {
      let outcome = try Program.run(
        "chartrain-dist",
        [
          "--run-dir", "run-\(ranks)", "--cell", cell, "--layers", "2", "--hidden", "24", "--bs", "10",
          "--bptt", "8", "--dropout", "0.3", "--clip-norm", "1", "--max-steps", "50", "--check-every", "1",
          "--validate", "none",
        ], ranks: ranks, currentDirectory: directory.path)
      #expect(outcome.status == 0, "\(outcome.errors)")
      let (found, expected) = (try losses("run-\(ranks)"), try losses("run-1"))
      #expect(found.count == 50)
      #expect(zip(found, expected).allSatisfy { abs($0 - $1) < 1e-4 }, "\(ranks) ranks")
    }
    #expect(try losses("run-1").last! < losses("run-1").first! - 0.5, "nothing learned")
  }

  /// OpenBLAS forced into kernels that no processor of this century needs.
  @Test(
    .enabled(
      if: OpenBLASCore.better(than: "Prescott", level: Int(cprocessor_level())) != nil, "an old processor"))
  func openBLASsWrongKernelsArePutRight() throws {
    let options = ["--hidden", "16", "--max-steps", "2", "--validate", "none", "--gemm", "openblas"]
    let outcome = try Program.run(
      "chartrain-dist", options + ["--run-dir", "forced"], ranks: 2,
      environment: ["OPENBLAS_CORETYPE": "Prescott"],
      currentDirectory: directory.path)
    #expect(outcome.status == 0, "\(outcome.errors)")
    let lines = outcome.errorLines.filter { $0.contains("starting again with") }
    #expect(lines.count == 1, "\(outcome.errors)")
    #expect(lines.first?.contains("'Prescott'") == true)
    let better = try #require(OpenBLASCore.better(than: "Prescott", level: Int(cprocessor_level())))
    let sound = try Program.run(
      "chartrain-dist", options + ["--run-dir", "sound"], ranks: 2,
      environment: ["OPENBLAS_CORETYPE": better],
      currentDirectory: directory.path)
    #expect(!sound.errors.contains("starting again"), "\(sound.errors)")
  }

  @Test(arguments: 1...4)
  func eachRankKeepsALogAndHasItsPlaceInTheConfig(ranks: Int) throws {
    struct Config: Decodable { let placement: [Placement] }
    let options = [
      "--hidden", "8", "--max-steps", "3", "--validate", "none", "--blocks", "12", "--log-dir", "logs",
    ]
    for start in [["--run-dir", "run"], ["--resume", "run", "--max-steps", "5"]] {
      let outcome = try Program.run(
        "chartrain-dist", options + start, ranks: ranks, currentDirectory: directory.path)
      #expect(outcome.status == 0, "\(outcome.errors)")
      #expect(outcome.errors.isEmpty, "what is logged is not shown")
    }
    let config = try Data(contentsOf: URL(fileURLWithPath: directory.path("run/config.json")))
    let placement = try JSONDecoder().decode(Config.self, from: config).placement
    let host = ProcessInfo.processInfo.hostName
    #expect(placement.map(\.rank) == Array(0..<ranks))
    #expect(placement.allSatisfy { $0.host == host && !$0.processors.isEmpty })
    let names = try FileManager.default.contentsOfDirectory(atPath: directory.path("logs"))
    #expect(names.sorted() == (0..<ranks).map { "rank-\($0).log" })
    for rank in 0..<ranks {
      let log = try String(contentsOfFile: directory.path("logs/rank-\(rank).log"), encoding: .utf8)
      let lines = log.split(separator: "\n")
      let form = try Regex("20[0-9-]+T[0-9:.]+Z \(host) rank \(rank) [a-z]+: .+")
      #expect(try lines.allSatisfy { try form.wholeMatch(in: $0) != nil }, "\(log)")
      for step in [3, 5] {
        #expect(lines.contains { $0.hasSuffix("info: ended after step \(step)") }, "\(log)")
      }
    }
  }

  /// The last that a rank does before all end is in its log.
  @Test func theLogOfARankHasItsError() throws {
    let outcome = try Program.run(
      "chartrain-dist",
      [
        "--run-dir", "run", "--log-dir", "logs", "--hidden", "8", "--validate", "none", "--lr", "1e38",
        "--max-skipped", "2", "--max-rewinds", "0",
      ], ranks: 2, currentDirectory: directory.path)
    #expect(outcome.status == 70, "\(outcome.errors)")
    let logs = try (0..<2).map {
      try String(contentsOfFile: directory.path("logs/rank-\($0).log"), encoding: .utf8)
    }
    #expect(logs[0].contains("error: training diverged"), "\(logs[0])")
    #expect(logs[1].contains("warning: step"), "\(logs[1])")
  }

  @Test func planSaysWhatItMeasuredAndWhatIsBest() throws {
    struct Plan: Decodable {
      struct Shape: Decodable { let hosts, ranksPerHost, threads: Int }
      struct Row: Decodable {
        let shape: Shape
        let stepSeconds: Double
        let bottleneck: String
      }
      let cores: Int
      let strong, weak: [Row]
      let fastest: Row
    }
    let options = ["plan", "--hidden", "8", "--bs", "4", "--cores", "1", "--bandwidth", "1"]
    let outcome = try Program.run("chartrain-dist", options + ["--json"], currentDirectory: directory.path)
    #expect(outcome.status == 0, "\(outcome.errors)")
    let plan = try JSONDecoder().decode(Plan.self, from: Data(outcome.output.utf8))
    #expect(plan.cores == 1)
    #expect(plan.weak.last!.shape.hosts == 1024)
    #expect(plan.strong.contains { $0.stepSeconds == plan.fastest.stepSeconds })
    let page = try Program.run("chartrain-dist", options, currentDirectory: directory.path)
    for part in ["network   1.00 Gbit/s each way, 50 us", "fastest for --bs 4: ", "1024"] {
      #expect(page.output.contains(part), "\(page.output)")
    }
    #expect(try FileManager.default.contentsOfDirectory(atPath: directory.path).isEmpty, "it writes no files")
  }

  @Test(arguments: 2...4)
  func planWantsOneRankOnEachHost(ranks: Int) throws {
    let outcome = try Program.run(
      "chartrain-dist", ["plan", "--hidden", "8"], ranks: ranks, currentDirectory: directory.path)
    #expect(outcome.status == 64)
    #expect(outcome.errorLines.count == 1, "\(outcome.errors)")
    #expect(outcome.errors.contains("expected one rank of plan on each host"), "\(outcome.errors)")
  }

  @Test func withoutARunDirectoryItMakesOne() throws {
    let outcome = try Program.run(
      "chartrain-dist", ["--hidden", "8", "--max-steps", "2", "--validate", "none", "--quiet"], ranks: 2,
      currentDirectory: directory.path)
    #expect(outcome.status == 0, "\(outcome.errors)")
    #expect(try FileManager.default.contentsOfDirectory(atPath: directory.path("runs")).count == 1)
  }

  @Test func aProfileHasEveryRanksPhases() throws {
    struct Trace: Decodable {
      struct Event: Decodable {
        let name: String
        let ph: String
        let tid: Int
        let ts: Double?
        let dur: Double?
      }
      let traceEvents: [Event]
    }
    let outcome = try Program.run(
      "chartrain-dist",
      [
        "--run-dir", "run", "--hidden", "16", "--max-steps", "5", "--validate", "none", "--profile",
        "trace.json",
      ],
      ranks: 2, currentDirectory: directory.path)
    #expect(outcome.status == 0, "\(outcome.errors)")
    let data = try Data(contentsOf: URL(fileURLWithPath: directory.path("trace.json")))
    let events = try JSONDecoder().decode(Trace.self, from: data).traceEvents
    #expect(events.filter { $0.name == "thread_name" }.map(\.tid) == [0, 1])
    for rank in 0..<2 {
      let phases = events.filter { $0.tid == rank && $0.ph == "X" }
      #expect(
        Set(phases.map(\.name)) == ["text", "embed", "forward", "loss", "backward", "reduce", "optimizer"])
      #expect(phases.filter { $0.name == "optimizer" }.count == 5)
      // One after the other.
      #expect(zip(phases, phases.dropFirst()).allSatisfy { $0.ts! + $0.dur! <= $1.ts! + 0.001 })
    }
  }

  /// In the directory that the run makes, too.
  @Test func aProfileMayBeInTheRunsDirectory() throws {
    let outcome = try Program.run(
      "chartrain-dist",
      [
        "--run-dir", "runs/a", "--hidden", "8", "--max-steps", "2", "--quiet", "--profile",
        "./runs/a/trace.json",
      ],
      currentDirectory: directory.path)
    #expect(outcome.status == 0, "\(outcome.errors)")
    #expect(FileManager.default.fileExists(atPath: directory.path("runs/a/trace.json")))
  }

  @Test func theTableNamesTheTrueEntropy() throws {
    let outcome = try Program.run(
      "chartrain-dist", ["--run-dir", "run", "--hidden", "16", "--max-steps", "20"], ranks: 2,
      currentDirectory: directory.path)
    #expect(outcome.status == 0, "\(outcome.errors)")
    #expect(outcome.output.contains("over entropy"))
    #expect(outcome.output.contains("true entropy is 0.4001"))
    #expect(outcome.output.split(separator: "\n").filter { $0.hasSuffix("best") }.count == 1)
    #expect(!outcome.output.contains("\u{1B}"), "a progress bar without a terminal")
  }

  /// On a terminal, which `script` provides: a bar with rate and time left, in the epoch and in validation.
  @Test(arguments: [nil, 2])
  func onATerminalThereIsAProgressBar(ranks: Int?) throws {
    let launcher = ranks.map { "mpirun -q -n \($0) " } ?? ""
    let command =
      "\(launcher)\(Program.path("chartrain-dist")) --run-dir run --hidden 32 --max-steps 600 --check-every 5"
    let outcome = try Program.run(
      ["script", "-qec", command, "/dev/null"], environment: ["TERM": "xterm"],
      currentDirectory: directory.path)
    #expect(outcome.status == 0, "\(outcome.output)")
    let bars = outcome.output.components(separatedBy: "\u{1B}[K").dropFirst()
    for label in ["epoch 1/6 [", "validation ["] {
      let bar = try #require(bars.first { $0.hasPrefix(label) }, "no bar '\(label)'")
      #expect(bar.contains("chars/s") && bar.contains("left") && bar.contains("%"), "\(bar)")
    }
    #expect(bars.contains { $0.contains("  balance ") } == (ranks != nil))
    // The sample's too, each a word or more.
    let sample = outcome.output.split(whereSeparator: \.isNewline).filter {
      $0.hasPrefix("    ") && !$0.contains("best")
    }
    #expect(sample.count > 1 && sample.allSatisfy { $0.count <= 76 }, "\(sample)")
    // A line that reached the terminal's end would be broken, and not be written over.
    for bar in bars { #expect(bar.prefix { !$0.isNewline }.count < 80, "\(bar)") }
  }

  /// A line of the log does not stand behind the bar.
  @Test func linesStandByThemselvesOnATerminal() throws {
    let command =
      "\(Program.path("chartrain-dist")) --run-dir run --hidden 32 --max-steps 300 --verbose --checkpoint-every 30"
    let outcome = try Program.run(
      ["script", "-qec", command, "/dev/null"], environment: ["TERM": "xterm"],
      currentDirectory: directory.path)
    #expect(outcome.status == 0, "\(outcome.output)")
    let lines = outcome.output.split(whereSeparator: \.isNewline).flatMap {
      $0.components(separatedBy: "\u{1B}[K")
    }
    let said = lines.filter { $0.contains("debug: wrote step-") }
    #expect(said.count > 3 && said.allSatisfy { $0.hasPrefix("chartrain-dist: debug: ") }, "\(said)")
  }

  /// In a file or a batch system's log: a line after some seconds, then once a minute.
  @Test func withoutATerminalThereIsALineNowAndThen() throws {
    let program = try RunningProgram(
      "chartrain-dist", ["--run-dir", "run", "--preset", "notebook-lstm", "--check-every", "5"], ranks: 2,
      currentDirectory: directory.path)
    try program.wait(secondsAllowed: 120) { program.outputSoFar.contains(" left") }
    kill(program.ranks[0], SIGTERM)
    let outcome = try program.outcome()
    let lines = outcome.output.split(separator: "\n").filter { $0.contains(" left") }
    let shape = /epoch 1\/80 +[0-9]+%  loss [0-9.]+  [0-9,]+ chars\/s  [0-9:]+ left  balance [0-9]+%.*/
    #expect(try lines.count == 1 && shape.wholeMatch(in: lines[0]) != nil, "\(outcome.output)")
    #expect(!outcome.output.contains("\u{1B}") && !outcome.output.contains("\r"))
  }

  @Test func configListsEveryOption() throws {
    let outcome = try Program.run(
      "chartrain-dist", ["--run-dir", "run", "--hidden", "8", "--max-steps", "1", "--lr", "0.01", "--quiet"],
      currentDirectory: directory.path)
    #expect(outcome.status == 0)
    let data = try Data(contentsOf: URL(fileURLWithPath: directory.path("run/config.json")))
    let config = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
    let help = try Program.run("chartrain-dist", ["help", "train"]).output
    let options = Set(help.matches(of: #/^ {2}--([a-z-]+)/#.anchorsMatchLineEndings()).map { String($0.1) })
    let others = ["print-hash", "profile", "preset", "config", "resume", "version"]
    let expected = options.subtracting(others).map { option in
      option.split(separator: "-").enumerated().map { $0 == 0 ? String($1) : $1.capitalized }.joined()
    }
    #expect(Set(config.keys) == Set(expected + ["placement"]))
    #expect(config["lr"] as? Double == 0.01 && config["epochs"] as? Int == 4)
    #expect(config["runDir"] as? String == "run" && config["train"] is NSNull)
  }

  /// Nothing that is printed gets into the run's files.
  @Test func standardStreamsMayBeClosed() throws {
    let program = Program.path("chartrain-dist")
    let outcome = try Program.run(
      [
        "sh", "-c",
        "exec '\(program)' --hidden 16 --bs 8 --bptt 8 --max-steps 20 --sample-length 40 --run-dir run <&- >&- 2>&-",
      ], currentDirectory: directory.path)
    #expect(outcome.status == 0)
    let lines = try String(contentsOfFile: directory.path("run/metrics.jsonl"), encoding: .utf8)
      .split(separator: "\n")
    #expect(lines.count > 20 && lines.allSatisfy { $0.hasPrefix("{") && $0.hasSuffix("}") })
    #expect(try String(contentsOfFile: directory.path("run/.lock"), encoding: .utf8).isEmpty)
  }

  @Test func quietIsQuiet() throws {
    let outcome = try Program.run(
      "chartrain-dist", ["--run-dir", "run", "--hidden", "8", "--max-steps", "2", "--quiet"], ranks: 3,
      currentDirectory: directory.path)
    #expect(outcome.status == 0)
    #expect(outcome.output == "" && outcome.errorLines == [], "\(outcome.output) \(outcome.errors)")
  }

  @Test func aDirectoryTrainsOnAllItsFiles() throws {
    directory.write("texts/a.txt", String(repeating: "abcd ", count: 400))
    directory.write("texts/b/c.txt", String(repeating: "efgh ", count: 400))
    let outcome = try Program.run(
      "chartrain-dist",
      [
        "--train", "texts", "--valid", "texts/a.txt", "--run-dir", "run", "--hidden", "8", "--bs", "4",
        "--epochs", "1", "--end-token",
      ], ranks: 3, currentDirectory: directory.path)
    #expect(outcome.status == 0, "\(outcome.errors)")
    #expect(outcome.output.contains("4,002 characters"))
    #expect(outcome.output.contains("2,001 to validate on"))
  }
}

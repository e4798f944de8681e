import Foundation
import TestSupport
import Testing
import Training

/// What users do with a trained model.
@Suite struct CheckpointProgramTests {
  private let directory = TemporaryDirectory()
  private let checkpoint = "run/checkpoints/best.safetensors"
  private static let text = String(repeating: "Größe ist relativ, sagte er. ", count: 200)

  /// What a run on ``text`` validates on.
  private static var tail: String {
    let scalars = Array(text.unicodeScalars)
    return String(String.UnicodeScalarView(scalars.suffix(scalars.count / 10)))
  }

  init() throws {
    directory.write("text.txt", Self.text)
    let outcome = try run([
      "--run-dir", "run", "--train", "text.txt", "--hidden", "24", "--layers", "2", "--cell", "lstm", "--bs",
      "8",
      "--epochs", "12", "--lr", "0.02", "--lowercase", "--quiet",
    ])
    #expect(outcome.status == 0, "\(outcome.errors)")
  }

  private func run(_ arguments: [String], environment: [String: String] = [:]) throws -> Program.Outcome {
    try Program.run(
      "chartrain-dist", arguments, environment: environment, currentDirectory: directory.path)
  }

  @Test func sampleWritesWhatTheModelLearned() throws {
    let arguments = ["sample", "--checkpoint", checkpoint, "--prime", "Größe", "--length", "60"]
    let greedy = try run(arguments + ["--temperature", "0"])
    #expect(greedy.status == 0, "\(greedy.errors)")
    #expect(greedy.output.hasPrefix("größe"))
    #expect(greedy.output.contains("relativ"), "\(greedy.output)")
    #expect(greedy.output.count == "größe".count + 60 + 1)
    let one = try run(arguments + ["--seed", "1"])
    #expect(try run(arguments + ["--seed", "1"]).output == one.output)
    let several = try run(arguments + ["--count", "3", "--top-k", "3", "--top-p", "0.9", "--seed", "1"])
    #expect(several.output.components(separatedBy: "--- sample").count == 4)
    // Of a state that the same characters have moved again and again, something else comes.
    let refed = try run(arguments + ["--temperature", "2", "--seed", "1", "--refeed-window"])
    let plain = try run(arguments + ["--temperature", "2", "--seed", "1"])
    #expect(refed.status == 0 && plain.status == 0 && refed.output != plain.output)
  }

  @Test func aSampleEndsWhereItsTextSays() throws {
    let outcome = try run([
      "sample", "--checkpoint", checkpoint, "--prime", "Größe", "--temperature", "0", "--until", "relativ",
    ])
    #expect(outcome.output.hasSuffix("relativ\n"), "\(outcome.output)")
    #expect(outcome.output.components(separatedBy: "relativ").count == 2)
    // As the model would write it, however many characters may follow.
    let endless = try run([
      "sample", "--checkpoint", checkpoint, "--prime", "Größe", "--temperature", "0", "--until", "RELATIV",
      "--length", "9000000000000000000",
    ])
    #expect(endless.output == outcome.output)
    for ending in ["", "日"] {
      let refused = try run(["sample", "--checkpoint", checkpoint, "--until", ending])
      #expect(refused.status == 64 && refused.errors.contains("--until"), "\(refused.errors)")
    }
  }

  /// Side by side as well as alone, in more than one group.
  @Test func everySampleIsItsOwn() throws {
    let arguments = ["sample", "--checkpoint", checkpoint, "--length", "12", "--temperature", "3", "--count"]
    func samples(_ count: Int) throws -> [String] {
      let outcome = try run(arguments + ["\(count)"])
      #expect(outcome.status == 0, "\(outcome.errors)")
      return Array(outcome.output.components(separatedBy: "--- sample ")[1...])
    }
    let many = try samples(70)
    #expect(many.count == 70 && many.last?.hasPrefix("70\n") == true)
    #expect(Set(many.map { $0.drop { $0 != "\n" } }).count > 10)
    #expect(try samples(3) == Array(many.prefix(3)))
  }

  /// What each character cost is in its colour, and changes nothing else.
  @Test func charactersAreColouredByProbability() throws {
    let arguments = [
      "sample", "--checkpoint", checkpoint, "--prime", "G", "--temperature", "3", "--length", "99",
    ]
    let plain = try run(arguments)
    let colored = try run(arguments + ["--color", "always"])
    #expect(colored.output.contains("\u{1B}[38;5;"), "\(colored.output)")
    let bare = colored.output.replacing(/\u{1B}\[[0-9;]*m/, with: "")
    #expect(
      bare.hasSuffix("\n\n" + plain.output) && bare.hasPrefix("bits that a character cost: over 6 bits"))
    #expect(try run(arguments + ["--color", "auto"]).output == plain.output)
    func onTerminal(_ environment: [String: String]) throws -> String {
      let command = ([Program.path("chartrain-dist")] + arguments + ["--color", "auto"]).joined(
        separator: " ")
      return try Program.run(
        ["script", "-qec", command, "/dev/null"],
        environment: ["TERM": "xterm", "NO_COLOR": ""].merging(environment) { $1 },
        currentDirectory: directory.path
      ).output
    }
    #expect(try onTerminal([:]).contains("\u{1B}[38;5;"))
    #expect(try !onTerminal(["NO_COLOR": "1"]).contains("\u{1B}"))
  }

  /// Each line goes on as it would by itself, an empty one lets the last go on.
  @Test func aConversationGoesOnFromWhatIsTyped() throws {
    let arguments = ["sample", "--checkpoint", checkpoint, "--length", "40", "--seed", "3"]
    let outcome = try Program.run(
      [Program.path("chartrain-dist")] + arguments + ["--interactive"], currentDirectory: directory.path,
      input: "Größe\n\nsagte\n")
    #expect(outcome.status == 0, "\(outcome.errors)")
    let long = try run([
      "sample", "--checkpoint", checkpoint, "--length", "80", "--seed", "3", "--prime", "Größe",
    ])
    let turns = outcome.output.split(separator: "\n")
    #expect(turns.count == 3 && turns[2].hasPrefix("sagte") && turns[2].count == 45, "\(outcome.output)")
    #expect(turns[0] + turns[1] == long.output.dropLast(), "\(outcome.output)")
  }

  /// It ends the model's turn, and nothing else.
  @Test func anInterruptEndsATurn() throws {
    let program = try RunningProgram(
      [
        Program.path("chartrain-dist"), "sample", "--checkpoint", checkpoint, "--length",
        "9000000000000000000",
        "--interactive",
      ], currentDirectory: directory.path, input: "Größe\n\n")
    for turn in 0..<2 {
      // In the midst of a turn.
      try program.wait {
        let turns = program.outputSoFar.split(separator: "\n", omittingEmptySubsequences: false)
        return turns.count == turn + 1 && turns[turn].count > 200
      }
      kill(program.process, SIGINT)
    }
    let outcome = try program.outcome()
    #expect(outcome.status == 0, "\(outcome.errors)")
  }

  /// On a terminal, which `script` provides, with the arrow keys: "Grße", two to the left, and what is missing.
  @Test(.enabled(if: Outside.library("libedit.so.2"), "no libedit")) func aLineCanBeEdited() throws {
    let command =
      "\(Program.path("chartrain-dist")) sample --checkpoint \(checkpoint) --interactive --temperature 0"
    // What is typed while no line is asked for is no end.
    let keys = #"printf 'Grße\033[D\033[Dö\n'; while sleep 0.5; do printf '\004' || exit; done"#
    let outcome = try Program.run(
      ["sh", "-c", "(\(keys)) 2>&- | script -qec '\(command)' /dev/null"],
      environment: ["TERM": "xterm", "LC_ALL": "C"], currentDirectory: directory.path)
    #expect(outcome.status == 0, "\(outcome.output)")
    #expect(outcome.output.contains("größe ist relativ"), "\(outcome.output)")
  }

  /// What a file of anywhere says does not reach the terminal as it is.
  @Test func noEscapeOfAFileReachesTheTerminal() throws {
    let header =
      #"{"x\u001b]0;title\u0007\u001b[2J\nfake: error: \u001b":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}"#
    var bytes = withUnsafeBytes(of: UInt64(header.utf8.count).littleEndian) { Data($0) }
    bytes += Data(header.utf8) + Data(count: 4)
    for name in ["last", "previous"] {
      try bytes.write(
        to: URL(fileURLWithPath: directory.path("run/checkpoints/\(name).safetensors")), options: .atomic)
    }
    let outcome = try run(["--resume", "run", "--epochs", "12", "--log-dir", "logs"])
    #expect(outcome.status == 0, "\(outcome.errors)")
    #expect(outcome.errors.contains("not used"), "\(outcome.errors)")
    let log = try String(contentsOfFile: directory.path("logs/rank-0.log"), encoding: .utf8)
    for text in [outcome.errors, outcome.output, log] {
      #expect(text.unicodeScalars.allSatisfy { $0 == "\n" || $0.value >= 32 })
    }
    #expect(outcome.errorLines.allSatisfy { $0.hasPrefix("chartrain-dist: ") }, "\(outcome.errors)")
  }

  @Test func sampleStreamsAsItGenerates() throws {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: Program.path("chartrain-dist"))
    process.arguments = ["sample", "--checkpoint", directory.path(checkpoint), "--length", "100000000"]
    let pipe = Pipe()
    process.standardOutput = pipe
    try process.run()
    defer { process.terminate() }
    let first = pipe.fileHandleForReading.readData(ofLength: 20)
    #expect(first.count == 20)
  }

  @Test func evalAgreesWithTheRunAndItself() throws {
    let outcome = try run(["eval", "--checkpoint", checkpoint, "--data", "text.txt", "--json"])
    #expect(outcome.status == 0, "\(outcome.errors)")
    let report = try JSONDecoder().decode([String: Double].self, from: Data(outcome.output.utf8))
    let nats = try #require(report["natsPerCharacter"])
    #expect(nats > 0 && nats < 0.5)
    #expect(abs(try #require(report["bitsPerCharacter"]) - nats / log(2)) < 1e-9)
    #expect(report["characters"] == Double(8 * (Self.text.unicodeScalars.count / 8 - 1)))
    // The run validated on the last tenth.
    directory.write("tail.txt", Self.tail)
    let tail = try run(["eval", "--checkpoint", checkpoint, "--data", "tail.txt", "--json"])
    let best = try #require(try Checkpoint(path: directory.path(checkpoint)).progress?.bestValidLoss)
    let tailReport = try JSONDecoder().decode([String: Double].self, from: Data(tail.output.utf8))
    #expect(abs(tailReport["natsPerCharacter"]! - best) < 1e-9)
    let tooMany = try run(["eval", "--checkpoint", checkpoint, "--data", "text.txt", "--bs", "500000"])
    #expect(tooMany.status == 65 && tooMany.errors.contains("too short"), "\(tooMany.errors)")
    let table = try run(["eval", "--checkpoint", checkpoint, "--data", "text.txt", "--bs", "1"])
    #expect(table.output.contains("perplexity"))
  }

  @Test func inspectShowsWhatIsInside() throws {
    let outcome = try run(["inspect", checkpoint])
    for word in [
      "lstm, 2 x 24", "rnn.weight_hh_l1", "[96, 24]", "adam.v.l_out.bias", "state.c", "epoch", "crc32:",
    ] {
      #expect(outcome.output.contains(word), "no \(word) in \(outcome.output)")
    }
  }

  /// It stands for its best checkpoint, and for its last where that is looked at.
  @Test func aRunsDirectoryStandsForItsCheckpoint() throws {
    let arguments = ["eval", "--data", "text.txt", "--json", "--checkpoint"]
    #expect(try run(arguments + ["run"]).output == run(arguments + [checkpoint]).output)
    let last = try run(["inspect", "run/checkpoints/last.safetensors"])
    #expect(try run(["inspect", "run"]).output == last.output)
    let none = try run(arguments + [directory.path])
    #expect(none.status != 0 && none.errorLines.count == 1, "\(none.errors)")
  }

  @Test func whatIsLeftOverOfATextIsSaid() throws {
    directory.write("odd.txt", String(Self.text.prefix(1003)).replacingOccurrences(of: "sagte", with: "日本語"))
    let unknown = String(Self.text.prefix(1003)).components(separatedBy: "sagte").count - 1
    let outcome = try run(["eval", "--checkpoint", checkpoint, "--data", "odd.txt", "--json"])
    let report = try JSONDecoder().decode([String: Double].self, from: Data(outcome.output.utf8))
    let count = try #require(report["characters"]) + 8 + (report["charactersLeftOver"] ?? 0)
    #expect(report["streams"] == 8)
    #expect(report["unknownCharacters"] == Double(3 * unknown))
    #expect(count == Double(1003 - 2 * unknown), "\(outcome.output)")
  }

  /// Neither leaves the user to guess.
  @Test func aRunThatIsOverAndOneCalledElsewhereSayWhatToDo() throws {
    let over = try run(["--resume", "run", "--quiet"])
    #expect(over.status == 0)
    #expect(over.errors.isEmpty)
    let said = try run(["--resume", "run", "--no-quiet"])
    #expect(
      said.errors.contains("all 12 epochs of the run are over: a larger --epochs goes on"), "\(said.errors)")
    let elsewhere = try Program.run(
      "chartrain-dist", ["--resume", directory.path("run")], currentDirectory: "/")
    #expect(elsewhere.status == 64)
    #expect(
      elsewhere.errors.contains("--train: expected the run's text at 'text.txt' from the current directory"),
      "\(elsewhere.errors)")
  }

  /// They are the work of one process, however many there are.
  @Test func underMPIRankZeroAloneWorks() throws {
    let outcome = try Program.run(
      "chartrain-dist", ["eval", "--checkpoint", checkpoint, "--data", "text.txt", "--json"], ranks: 3,
      currentDirectory: directory.path)
    #expect(outcome.status == 0)
    #expect(outcome.output.split(separator: "\n").count == 1, "\(outcome.output)")
  }

  @Test func unknownCharactersOfThePrimeAreSaid() throws {
    let outcome = try run(["sample", "--checkpoint", checkpoint, "--prime", "日本", "--length", "5"])
    #expect(outcome.status == 0)
    #expect(outcome.errorLines.count == 1 && outcome.errors.contains("2 of the prime"), "\(outcome.errors)")
  }
}

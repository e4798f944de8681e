import Foundation
import Glibc
import TestSupport
import Testing

/// What a run leaves for others to look at: TensorBoard's files, the report, a model to begin with.
@Suite struct RunOutputTests {
  private let directory = TemporaryDirectory()

  init() {
    directory.write(
      "text.txt", (0..<1500).map { "\($0 * $0 % 499) is <b>\($0 * 31 % 97)</b>\n" }.joined())
  }

  private func run(_ arguments: [String], ranks: Int? = nil) throws -> Program.Outcome {
    try Program.run("chartrain-dist", arguments, ranks: ranks, currentDirectory: directory.path)
  }

  private func train(_ name: String, _ more: [String] = [], ranks: Int? = nil) throws {
    let outcome = try run(
      [
        "--run-dir", name, "--train", "text.txt", "--hidden", "24", "--bs", "8", "--bptt", "16", "--epochs",
        "2",
        "--sample-length", "80", "--quiet",
      ] + more, ranks: ranks)
    #expect(outcome.status == 0, "\(outcome.errors)")
  }

  private func metrics(_ name: String) throws -> [[String: Any]] {
    try String(contentsOfFile: directory.path(name) + "/metrics.jsonl", encoding: .utf8)
      .split(separator: "\n").map {
        try #require(try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any])
      }
  }

  private struct Events: Decodable {
    let records: Int
    let scalars: [String: [[Double]]]
    let histograms: [String: [[Double]]]
    let settings: [String: JSONScalar]
    let texts: [String: [[JSONScalar]]]
  }

  private enum JSONScalar: Decodable, Equatable {
    case number(Double)
    case text(String)
    case flag(Bool)

    init(from decoder: any Decoder) throws {
      let container = try decoder.singleValueContainer()
      if let flag = try? container.decode(Bool.self) {
        self = .flag(flag)
      } else if let number = try? container.decode(Double.self) {
        self = .number(number)
      } else {
        self = .text(try container.decode(String.self))
      }
    }
  }

  @Test(
    .enabled(
      if: Outside.pythonWithTensorBoard != nil, "no Python with TensorBoard: launch/pytorch installs one"),
    arguments: [1, 3])
  func tensorBoardReadsTheEventFiles(ranks: Int) throws {
    try train(
      "run", ["--histograms", "--blocks", "6", "--dropout", "0.25", "--layers", "2"],
      ranks: ranks)
    // It goes on: a second file.
    let more = try run(["--resume", "run", "--epochs", "3", "--quiet"], ranks: ranks)
    #expect(more.status == 0, "\(more.errors)")
    let outcome = try Program.run(
      [Outside.pythonWithTensorBoard!, Outside.top + "/Tests/Golden/check_events.py", directory.path("run")])
    #expect(outcome.status == 0, "\(outcome.errors)")
    let events = try JSONDecoder().decode(Events.self, from: Data(outcome.output.utf8))
    let epochs = try metrics("run").filter { $0["kind"] as? String == "epoch" }
    #expect(epochs.count == 3)
    let losses = events.scalars["loss/validation"]
    #expect(losses?.count == 3)
    for (found, epoch) in zip(losses ?? [], epochs) {
      #expect(found[0] == (epoch["step"] as? Double))
      #expect(abs(found[1] - (epoch["validLoss"] as! Double)) < 1e-6)
    }
    let bits = events.scalars["bits_per_character/validation"]
    #expect(bits?.count == 3)
    for (found, loss) in zip(bits ?? [], losses ?? []) { #expect(abs(found[1] - loss[1] / log(2)) < 1e-5) }
    let phases = ["text", "embed", "forward", "loss", "backward", "reduce", "optimizer"]
    for phase in phases { #expect(events.scalars["seconds_of_epoch/\(phase)"]?.count == 3, "\(phase)") }
    for tag in [
      "loss/train", "loss/step", "rate/learning_rate", "gradient/norm",
      "speed/characters_per_second", "speed/characters_per_second_of_epoch",
    ] {
      #expect(events.scalars[tag]?.isEmpty == false, "\(tag)")
    }
    // However seldom steps are written, those with which the two processes ended are.
    let written = Set(events.scalars["loss/train"]?.map { $0[0] } ?? [])
    for epoch in epochs[1...] { #expect(written.contains(epoch["step"] as! Double), "\(written)") }
    // Every element once, whoever has it.
    #expect(
      events.histograms["weights/rnn.weight_hh_l1"]?.map { $0[1] }
        == [3, 3, 3].map { gates in gates * 24 * 24 })
    #expect(events.histograms["gradients/l_out.bias"]?.count == 3)
    #expect(events.settings["dropout"] == .number(0.25))
    #expect(events.settings["cell"] == .text("gru"))
    #expect(events.settings["ranks"] == .number(Double(ranks)))
    #expect(events.settings["phases"] == .text("2 epochs at 0.003"), "\(events.settings)")
    #expect(events.texts["sample"]?.count == 3, "\(events.texts)")
  }

  @Test(
    .enabled(
      if: Outside.pythonWithTensorBoard != nil, "no Python with TensorBoard: launch/pytorch installs one"))
  func tensorBoardReadsADebugRunsToo() throws {
    let debug = try run([
      "debug", "--ranks", "2", "--run-dir", "run", "--train", "text.txt", "--hidden", "8", "--bs", "8",
      "--max-steps", "4", "--quiet",
    ])
    #expect(debug.status == 0, "\(debug.errors)")
    let outcome = try Program.run(
      [Outside.pythonWithTensorBoard!, Outside.top + "/Tests/Golden/check_events.py", directory.path("run")])
    let events = try JSONDecoder().decode(Events.self, from: Data(outcome.output.utf8))
    #expect(events.scalars["loss/validation"]?.count == 1, "\(outcome.errors)")
  }

  @Test func eventFilesAreThereUnlessTheyAreUnwanted() throws {
    for (name, options, count) in [("a", ["--tensorboard"], 1), ("b", [], 1), ("c", ["--no-tensorboard"], 0)]
    {
      try train(name, ["--max-steps", "2"] + options)
      let files = try FileManager.default.contentsOfDirectory(atPath: directory.path(name))
      #expect(files.count { $0.hasPrefix("events.out.tfevents.") } == count, "\(options)")
    }
  }

  /// The data in a report.
  private func runs(in page: String) throws -> [[String: Any]] {
    let start = try #require(page.range(of: #"<script type="application/json" id="data">"#))
    let end = try #require(page[start.upperBound...].range(of: "</script>"))
    let json = page[start.upperBound..<end.lowerBound]
    #expect(!json.contains("<"))
    let data = try #require(try JSONSerialization.jsonObject(with: Data(json.utf8)) as? [String: Any])
    return try #require(data["runs"] as? [[String: Any]])
  }

  /// The page has all that it needs in it, and its data as they are.
  @Test func theReportIsOnePageWithTheRunsData() throws {
    try train("a", ranks: 2)
    try train("b", ["--lr", "0.01"])
    let outcome = try run(["report", "a", "b", "--to", "both.html"])
    #expect(outcome.status == 0, "\(outcome.errors)")
    let page = try String(contentsOfFile: directory.path("both.html"), encoding: .utf8)
    #expect(
      !page.contains("<!-- data -->") && !page.contains("<!-- script -->") && !page.contains("<!-- style -->")
    )
    let other = page.replacingOccurrences(of: "http://www.w3.org/2000/svg", with: "")
    for address in ["http://", "https://", "src=", "@import"] {
      #expect(!other.contains(address), "\(address)")
    }
    let runs = try runs(in: page)
    #expect(runs.map { $0["name"] as? String } == ["a", "b"])
    let epochs = try #require(runs[0]["epochs"] as? [[String: Any]])
    let phases = try #require(epochs[0]["phaseSeconds"] as? [String: [Double]])
    #expect(epochs.count == 2 && phases["forward"]?.count == 2)
    #expect((runs[0]["samples"] as? [[String: Any]])?.count == 2)
    let files = try #require(runs[0]["checkpoints"] as? [[String: Any]]).compactMap { $0["file"] as? String }
    #expect(!files.isEmpty && files.allSatisfy { FileManager.default.fileExists(atPath: directory.path($0)) })
    #expect(try run(["report", "a"]).status == 0)
    #expect(FileManager.default.fileExists(atPath: directory.path("a/report.html")))
    #expect(try run(["report", "none"]).status == 64)
    #expect(try run(["report", "a", "--to", "x.txt"]).status == 64)
  }

  /// As on a disk that was full for a time.
  @Test func theReportSaysWhichStepsHaveNoLine() throws {
    try train("a")
    let path = directory.path("a/metrics.jsonl")
    var lines = try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n")
    func missing() throws -> Int? {
      #expect(try run(["report", "a"]).status == 0)
      let page = try String(contentsOfFile: directory.path("a/report.html"), encoding: .utf8)
      return try runs(in: page)[0]["stepsWithoutLine"] as? Int
    }
    #expect(try missing() == 0)
    lines.removeSubrange(3...5)
    try lines.joined(separator: "\n").write(toFile: path, atomically: true, encoding: .utf8)
    #expect(try missing() == 3)
  }

  /// As long as it goes on, and once it has been killed.
  @Test func theReportSaysWhatHasBecomeOfARun() throws {
    let program = try RunningProgram(
      "chartrain-dist",
      [
        "--run-dir", "a", "--train", "text.txt", "--hidden", "24", "--bs", "8", "--epochs", "100000",
        "--quiet",
        "--checkpoint-every", "20",
      ], ranks: nil, currentDirectory: directory.path)
    try program.wait {
      FileManager.default.fileExists(atPath: directory.path("a/checkpoints/step-40.safetensors"))
    }
    func report() throws -> [String: Any] {
      #expect(try run(["report", "a"]).status == 0)
      return try runs(in: String(contentsOfFile: directory.path("a/report.html"), encoding: .utf8))[0]
    }
    let going = try report()
    #expect(going["state"] as? String == "going on" && going["isSound"] as? Bool == true)
    kill(program.process, SIGKILL)
    _ = try program.outcome()
    let killed = try report()
    #expect(killed["state"] as? String == "ended without a word" && killed["isSound"] as? Bool == false)
    #expect(try run(["--resume", "a", "--max-steps", "1000", "--quiet"], ranks: 2).status == 0)
    let ended = try report()
    #expect(ended["state"] as? String == "ended as --max-steps says" && ended["isSound"] as? Bool == true)
    let history = try #require(ended["history"] as? [[String: Any]])
    let texts = history.compactMap { $0["text"] as? String }
    #expect(
      texts.count == 3 && texts[0].hasPrefix("started, 1 rank on ")
        && texts[1].hasPrefix("went on, 2 ranks on "))
    #expect(history.map { $0["isRestart"] as? Bool } == [false, true, false])
  }

  @Test func theReportNamesARunThatIsHere() throws {
    try train("a")
    let outcome = try Program.run(
      "chartrain-dist", ["report", "."], currentDirectory: directory.path("a"))
    #expect(outcome.status == 0, "\(outcome.errors)")
    let page = try String(contentsOfFile: directory.path("a/report.html"), encoding: .utf8)
    #expect(try runs(in: page)[0]["name"] as? String == "a")
  }

  @Test func theRateFinderWritesItsCurveAndSaysWhichRate() throws {
    let outcome = try run([
      "lr-find", "--train", "text.txt", "--hidden", "24", "--bs", "8", "--bptt", "16", "--steps", "60",
      "--run-dir", "found",
    ])
    #expect(outcome.status == 0, "\(outcome.errors)")
    struct Curve: Decodable {
      struct Point: Decodable { let learningRate: Double }
      let points: [Point]
      let steepest: Double
      let minimumTenth: Double
    }
    let data = try #require(FileManager.default.contents(atPath: directory.path("found/lr-find.json")))
    let curve = try JSONDecoder().decode(Curve.self, from: data)
    #expect((2...60).contains(curve.points.count))
    for rate in [curve.steepest, curve.minimumTenth] {
      #expect(outcome.output.contains(String(format: "%.2e", rate)), "\(outcome.output)")
    }
    #expect(
      outcome.output.contains(
        "a safe start, the smaller of the two: --lr "
          + String(format: "%.2e", min(curve.steepest, curve.minimumTenth))))
    let picture = try String(contentsOfFile: directory.path("found/lr-find.svg"), encoding: .utf8)
    #expect(picture.hasPrefix("<svg") && picture.contains("minimum / 10"))
  }

  @Test func runsAreDrawnOverEachOther() throws {
    try train("a")
    try train("b", ["--lr", "0.01"])
    for what in ["loss", "valid", "rate"] {
      let outcome = try run([
        "plot", "a", "b", "--what", what, "--to", "\(what).svg", "--title", "two & more",
      ])
      #expect(outcome.status == 0, "\(outcome.errors)")
      let picture = try String(contentsOfFile: directory.path("\(what).svg"), encoding: .utf8)
      #expect(picture.components(separatedBy: "<polyline").count == 3)
      #expect(picture.contains("two &amp; more"))
    }
    // The schedule's warm-up is at a hundredth of its rate: without it, a tick of a tenth is not drawn.
    try train("c", ["--lr", "0.01", "--schedule", "cosine"])
    for (options, isDrawn) in [([], false), (["--log"], true)] {
      #expect(try run(["plot", "c", "--what", "rate", "--to", "c.svg"] + options).status == 0)
      let picture = try String(contentsOfFile: directory.path("c.svg"), encoding: .utf8)
      #expect(picture.contains(">1e-4</text>") == isDrawn)
    }
  }

  /// Phases said on the command line, one of which carries on with a rate; and options beside a preset and a config.
  @Test func phasesAndPresetsAreWhatTheCommandLineSays() throws {
    struct Config: Decodable, Equatable {
      struct Phase: Decodable, Equatable {
        let epochs: Int
        let lr: Double?
        let adam: String
      }
      let cell: String
      let hidden: Int
      let lowercase: Bool
      let phase: [Phase]
    }
    func config(_ name: String, _ options: [String]) throws -> Config {
      let outcome = try run(
        options + [
          "--train", "text.txt", "--min-freq", "1", "--bs", "8", "--max-steps", "2", "--quiet", "--run-dir",
          name,
          "--sample-length", "0",
        ])
      #expect(outcome.status == 0, "\(outcome.errors)")
      let data = try #require(FileManager.default.contents(atPath: directory.path(name + "/config.json")))
      return try JSONDecoder().decode(Config.self, from: data)
    }
    let phases = try config(
      "phases",
      [
        "--phase", "epochs=2,lr=1e-2,schedule=cosine,cycle-mult=2", "--phase",
        "epochs=3,lr=carried,adam=fresh",
        "--hidden", "16",
      ])
    #expect(
      phases.phase == [.init(epochs: 2, lr: 1e-2, adam: "keep"), .init(epochs: 3, lr: nil, adam: "fresh")])
    let preset = try config("preset", ["--preset", "notebook-gru", "--hidden", "20", "--no-lowercase"])
    #expect((preset.cell, preset.hidden, preset.lowercase) == ("gru", 20, false))
    #expect(preset.phase.map(\.epochs) == [6, 3])
    let short = try config("short", ["--preset", "notebook-gru", "--hidden", "20", "--epochs", "1"])
    #expect(short.phase == [.init(epochs: 1, lr: 1e-3, adam: "keep")])
    func phaseLine(_ more: String...) throws -> Substring? {
      let output = try run(
        [
          "--preset", "notebook-lstm", "--hidden", "8", "--train", "text.txt", "--bs", "8", "--max-steps",
          "1",
        ]
          + more
      ).output
      return output.split(separator: "\n").first { $0.hasPrefix("phases  ") }
    }
    let cycles = "in cosine cycles of 1, each 2 times as long as the one before"
    #expect(
      try phaseLine()
        == "phases  2 epochs at 0.01, then 15 at 0.01 \(cycles), then 63 at the rate where that ended \(cycles)"
    )
    #expect(try phaseLine("--lr", "0.02") == "phases  2 epochs at 0.02")
    let again = try config("again", ["--config", "preset/config.json", "--cell", "rnn"])
    #expect((again.cell, again.hidden, again.phase) == ("rnn", 20, preset.phase))
  }

  /// Begun with the parameters of another run, whose vocabulary is another.
  @Test(arguments: [1, 3])
  func aRunBeginsWithAnotherRunsModel(ranks: Int) throws {
    try train("first", ["--epochs", "4"])
    directory.write(
      "other.txt", (0..<1500).map { "\($0 * $0 % 499) is [b]\($0 * 31 % 97)[/b]\n" }.joined())
    func losses(_ name: String, _ more: [String]) throws -> [Double] {
      let outcome = try run(
        [
          "--run-dir", name, "--train", "other.txt", "--hidden", "24", "--bs", "9", "--bptt", "16",
          "--epochs", "1",
          "--sample-length", "0", "--blocks", "3",
        ] + more, ranks: ranks)
      #expect(outcome.status == 0, "\(outcome.errors)")
      if !more.isEmpty { #expect(outcome.errors.contains("it does not know 2 of "), "\(outcome.errors)") }
      return try metrics(name).compactMap { $0["kind"] as? String == "step" ? $0["loss"] as? Double : nil }
    }
    let fresh = try losses("fresh", [])
    let taken = try losses("taken", ["--init", "first/checkpoints/best.safetensors"])
    let sums = [fresh, taken].map { losses in losses[..<20].reduce(0.0, +) }
    #expect(sums[1] < 0.8 * sums[0])
    let wrong = try run([
      "--init", "first/checkpoints/best.safetensors", "--train", "other.txt", "--hidden", "25",
    ])
    #expect(wrong.status == 65 && wrong.errorLines.count == 1, "\(wrong.errors)")
  }
}

import Foundation
import TestSupport
import Testing

/// What a run begins with: options from several places, and another run's model.
@Suite struct RunStartTests {
  private let small = SmallRuns()

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
      let outcome = try small.run(
        options + [
          "--train", "text.txt", "--min-freq", "1", "--bs", "8", "--max-steps", "2", "--quiet", "--run-dir",
          name,
          "--sample-length", "0",
        ])
      #expect(outcome.status == 0, "\(outcome.errors)")
      let data = try #require(
        FileManager.default.contents(atPath: small.directory.path(name + "/config.json")))
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
      let output = try small.run(
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

  /// Of several phases the last may become longer or shorter.
  @Test func aRunThatGoesOnTakesOtherEpochs() throws {
    let phases = ["--phase", "epochs=1,lr=0.01", "--phase", "epochs=1,lr=0.001"]
    struct Config: Decodable {
      struct Phase: Decodable { let epochs: Int }
      let phase: [Phase]
    }
    let start = ["--run-dir", "phases", "--train", "text.txt", "--hidden", "24", "--bs", "8", "--quiet"]
    #expect(try small.run(start + phases + ["--max-steps", "3"]).status == 0)
    let outcome = try small.run(["--resume", "phases", "--epochs", "2", "--max-steps", "9999", "--quiet"])
    #expect(outcome.status == 0, "\(outcome.errors)")
    let data = try #require(FileManager.default.contents(atPath: small.directory.path("phases/config.json")))
    #expect(try JSONDecoder().decode(Config.self, from: data).phase.map(\.epochs) == [1, 2])
    #expect(try small.metrics("phases").filter { $0["kind"] as? String == "epoch" }.count == 3)
    // Any other word about phases is another training.
    let refused = try small.run(["--resume", "phases", "--epochs", "3", "--lr", "0.1", "--quiet"])
    #expect(refused.status == 64 && refused.errors.contains("--lr"), "\(refused.errors)")
  }

  /// A rate finder's directory holds options, but no run.
  @Test func whatIsNoRunDoesNotGoOn() throws {
    let found = try small.run([
      "lr-find", "--train", "text.txt", "--hidden", "8", "--steps", "3", "--run-dir", "found",
    ])
    #expect(found.status == 0, "\(found.errors)")
    let outcome = try small.run(["--resume", "found"])
    #expect(
      outcome.status == 64 && outcome.errors.contains("that of lr-find in 'found'"), "\(outcome.errors)")
  }

  /// Begun with the parameters of another run, whose vocabulary is another.
  @Test(arguments: [1, 3])
  func aRunBeginsWithAnotherRunsModel(ranks: Int) throws {
    try small.train("first", ["--epochs", "4"])
    small.directory.write(
      "other.txt", (0..<1500).map { "\($0 * $0 % 499) is [b]\($0 * 31 % 97)[/b]\n" }.joined())
    func losses(_ name: String, _ more: [String]) throws -> [Double] {
      let outcome = try small.run(
        [
          "--run-dir", name, "--train", "other.txt", "--bs", "9", "--bptt", "16", "--epochs", "1",
          "--sample-length", "0", "--blocks", "3",
        ] + more, ranks: ranks)
      #expect(outcome.status == 0, "\(outcome.errors)")
      if more.contains("--init") {
        #expect(outcome.errors.contains("it does not know 2 of "), "\(outcome.errors)")
      }
      return try small.metrics(name).compactMap {
        $0["kind"] as? String == "step" ? $0["loss"] as? Double : nil
      }
    }
    let fresh = try losses("fresh", ["--hidden", "24"])
    // Its sizes too, and rather than those of a preset.
    let taken = try losses("taken", ["--init", "first/checkpoints/best.safetensors"])
    let byDirectory = try losses(
      "again",
      ["--preset", "notebook-lstm", "--init", "first", "--dropout", "0", "--lr", "3e-3", "--min-freq", "1"])
    #expect(byDirectory[0] < fresh[0] - 0.2)
    let sums = [fresh, taken].map { losses in losses[..<20].reduce(0.0, +) }
    #expect(sums[1] < 0.8 * sums[0])
    let wrong = try small.run([
      "--init", "first/checkpoints/best.safetensors", "--train", "other.txt", "--hidden", "25",
    ])
    #expect(wrong.status == 64 && wrong.errorLines.count == 1, "\(wrong.errors)")
    #expect(
      wrong.errors.contains("--hidden: expected 24, as the model of --init has, found 25"), "\(wrong.errors)")
  }

  /// It says the model's sizes, or leaves them to it.
  @Test func aConfigFileNamesTheModelToBeginWith() throws {
    try small.train("first")
    func begin(_ name: String, _ yaml: String) throws -> Program.Outcome {
      small.directory.write("\(name).yaml", yaml)
      return try small.run([
        "--config", "\(name).yaml", "--run-dir", name, "--train", "text.txt", "--bs", "8", "--max-steps", "2",
        "--quiet",
      ])
    }
    #expect(try begin("left", "init: first\n").status == 0)
    #expect(try begin("said", "init: first\nhidden: 24\n").status == 0)
    let other = try begin("other", "init: first\nhidden: 23\n")
    #expect(other.status == 64 && other.errors.contains("--hidden: expected 24"), "\(other.errors)")
  }

  /// As `eval` does.
  @Test func aDamagedModelIsNotBegunWith() throws {
    try small.train("first")
    let path = small.directory.path("first/checkpoints/best.safetensors")
    var bytes = try #require(FileManager.default.contents(atPath: path))
    bytes[bytes.count - 5] ^= 1
    try bytes.write(to: URL(fileURLWithPath: path))
    let outcome = try small.run(["--init", "first", "--train", "text.txt", "--run-dir", "new"])
    #expect(outcome.status == 65 && outcome.errors.contains("checksum"), "\(outcome.errors)")
    let bytewise = try small.run(["--init", "first", "--unit", "byte"])
    #expect(bytewise.status == 65, "\(bytewise.errors)")
  }
}

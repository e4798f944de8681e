import Foundation
import TestSupport
import Testing

/// Bad input ends in one clear line from one rank and a failure on all, soon.
@Suite struct BadInputTests {
  struct Case: CustomTestStringConvertible, Sendable {
    let arguments: [String]
    let status: Int32
    /// What the line must contain.
    let words: [String]
    var testDescription: String { arguments.joined(separator: " ") }

    init(_ line: String, _ status: Int32, _ words: String...) {
      arguments = line.split(separator: " ").map(String.init)
      self.status = status
      self.words = words
    }
  }

  static let cases = [
    // Usage.
    Case("--cell ltsm", 64, "ltsm", "did you mean 'lstm'?"),
    Case("--hiden 3", 64, "--hiden", "--hidden"),
    Case("trian", 64, "trian", "did you mean 'train'?"),
    Case("--unit scalr", 64, "scalr", "did you mean 'scalar'?"),
    Case("--bs 0", 64, "--bs", "found 0"),
    Case("--bs 3", 64, "--bs", "4 ranks", "found 3"),
    Case("--bptt -5", 64, "--bptt", "found -5"),
    Case("--hidden 0", 64, "--hidden"),
    Case("--layers 1000", 64, "--layers"),
    Case("--embedding two", 64, "--embedding", "two"),
    Case("--dropout 1", 64, "--dropout", "below 1"),
    Case("--lr nan", 64, "--lr", "nan"),
    Case("--lr 0", 64, "--lr", "above 0"),
    Case("--lr inf", 64, "--lr", "inf"),
    Case("--clip-norm -1", 64, "--clip-norm"),
    Case("--valid-fraction 1", 64, "--valid-fraction"),
    Case("--epochs 2 --phase epochs=1,lr=1e-3", 64, "--epochs", "--phase"),
    Case("--phase epoch=1,lr=1e-3", 64, "did you mean 'epochs'?"),
    Case("--phase epochs=1", 64, "lr="),
    Case("--train a.txt --valid a.txt --valid-fraction 0.2", 64, "--valid-fraction", "--valid"),
    Case("--quiet --verbose", 64, "--quiet", "--verbose"),
    Case("--decoupled-weight-decay", 64, "--weight-decay"),
    Case("--keep 0", 64, "--keep"),
    // Data.
    Case("--train empty", 65, "'empty'", "no text"),
    Case("--train short --bs 64", 65, "too short", "128", "found 9"),
    Case("--train same --bs 4", 65, "one distinct character"),
    Case("--train latin1 --bs 4", 65, "byte offset 4", "--unit byte"),
    Case("--train nothing", 65, "no files"),
    Case("--train a.txt --valid empty --bs 4", 65, "'empty'"),
    Case("--train a.txt --min-freq 1000000", 65, "--min-freq"),
    // Input and output.
    Case("--train missing.txt", 74, "missing.txt", "No such file"),
    Case("--run-dir file/run", 74, "file", "Not a directory"),
    Case("--run-dir /proc/run", 74, "/proc/run"),
  ]

  private let directory = TemporaryDirectory()

  init() throws {
    directory.write("a.txt", String(repeating: "some text ", count: 500))
    directory.write("empty", "")
    directory.write("short", "too short")
    directory.write("same", String(repeating: "a", count: 1000))
    directory.write("latin1", Array("some".utf8) + [0xE9] + Array(repeating: 0x61, count: 1000))
    directory.write("file", "x")
    try FileManager.default.createDirectory(
      atPath: directory.path("nothing"), withIntermediateDirectories: false)
  }

  @Test(arguments: cases)
  func underMPIOneRankSpeaksAndAllEnd(_ bad: Case) throws {
    let outcome = try Program.run(
      "chartrain-dist", bad.arguments, ranks: 4, currentDirectory: directory.path, secondsAllowed: 30)
    try expect(outcome, bad)
  }

  @Test(arguments: cases.filter { !$0.words.contains("4 ranks") })
  func aloneToo(_ bad: Case) throws {
    try expect(
      try Program.run("chartrain-dist", bad.arguments, currentDirectory: directory.path, secondsAllowed: 30),
      bad)
  }

  private func expect(_ outcome: Program.Outcome, _ bad: Case) throws {
    #expect(outcome.status == bad.status, "\(outcome.errors)")
    #expect(outcome.errorLines.count == 1, "\(outcome.errors)")
    #expect(outcome.errorLines.first?.hasPrefix("chartrain-dist: error: ") == true)
    for word in bad.words { #expect(outcome.errors.contains(word), "no \(word) in: \(outcome.errors)") }
    #expect(outcome.output == "")
    #expect(
      !FileManager.default.fileExists(atPath: directory.path("runs")), "a run directory was left behind")
  }

  @Test func anUnreadableFileIsNamed() throws {
    // Root may read everything, so a directory stands in for a file that cannot be read as one.
    let outcome = try Program.run(
      "chartrain-dist", ["inspect", "nothing"], currentDirectory: directory.path)
    #expect(outcome.status == 74)
    #expect(outcome.errorLines.count == 1 && outcome.errors.contains("'nothing'"), "\(outcome.errors)")
  }

  @Test(arguments: ["a.txt", "empty", "short"])
  func whatIsNoCheckpointIsRefused(file: String) throws {
    for arguments in [
      ["sample", "--checkpoint", file], ["inspect", file], ["eval", "--checkpoint", file, "--data", "a.txt"],
      ["export", "--checkpoint", file, "--to", "x.safetensors"],
    ] {
      let outcome = try Program.run("chartrain-dist", arguments, currentDirectory: directory.path)
      #expect(outcome.status == 65, "\(arguments): \(outcome.errors)")
      #expect(outcome.errorLines.count == 1 && outcome.errors.contains("'\(file)'"), "\(outcome.errors)")
    }
  }

  @Test func anotherMPIsLauncherIsRefused() throws {
    let outcome = try Program.run("chartrain-dist", ["--max-steps", "1"], environment: ["PMI_SIZE": "2"])
    #expect(outcome.status == 1)
    #expect(outcome.errorLines.count == 1 && outcome.errors.contains("Open MPI"))
  }
}

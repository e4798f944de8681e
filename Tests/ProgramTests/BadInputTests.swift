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
    Case("--dropout-output -0.1", 64, "--dropout-output", "at least 0"),
    Case("--dropout-output 1", 64, "--dropout-output", "below 1"),
    Case("--dropout-output nan", 64, "--dropout-output", "nan"),
    Case("--average-decay 1", 64, "--average-decay", "below 1"),
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
    Case("--layers 99999999999999999999", 64, "--layers", "whole number"),
    Case("--seed -1", 64, "--seed", "0 to"),
    Case("help trian", 64, "did you mean 'train'?"),
    Case("--train a.txt --valid a.txt --validate none", 64, "--valid", "--validate none"),
    Case("--hidden 65536 --layers 255", 64, "GiB", "--hidden"),
    Case("--preset notebook-gruu", 64, "notebook-gruu", "did you mean 'notebook-gru'?"),
    Case("--preset notebook-gru --config options.yaml", 64, "--config", "--preset"),
    Case("--schedule cosin", 64, "cosin", "did you mean 'cosine'?"),
    Case("--cycle-mult 2", 64, "cycle-mult", "cosine"),
    Case("--reduce three", 64, "three", "did you mean 'tree'?"),
    Case("--reduce tree --gemm openblas", 64, "--gemm", "simd"),
    Case("--reduce tree --blocks 7", 64, "--blocks", "4 ranks", "found 7"),
    Case("--blocks 0", 64, "--blocks", "found 0"),
    Case("--threads 0", 64, "--threads", "found 0"),
    Case("--checkpoint-every 0m", 64, "--checkpoint-every", "found 0"),
    Case("--checkpoint-every 1e300m", 64, "--checkpoint-every", "at most 1e6"),
    Case("--checkpoint-every often", 64, "--checkpoint-every", "often"),
    Case("--max-skipped 0", 64, "--max-skipped", "found 0"),
    Case("--stall-warning 0", 64, "--stall-warning", "found 0"),
    Case("--stall-warning 20 --stall-timeout 10", 64, "--stall-timeout", "found 10"),
    Case("--sample-length -1", 64, "--sample-length", "found -1"),
    Case("--max-steps 0", 64, "--max-steps", "found 0"),
    Case("--resume nothing", 64, "--resume", "'nothing'"),
    Case("--run-dir file --resume nothing", 64, "'nothing'"),
    Case("lr-find --steps 0", 64, "--steps", "found 0"),
    Case("lr-find --to 1e308", 64, "--to", "1e+30", "1e+308"),
    Case("lr-find --from 1 --to 0.1", 64, "--to", "above the first", "found 0.1"),
    Case("lr-find --max-steps 5", 64, "--max-steps"),
    Case("sample --checkpoint a.txt --temperature -1", 64, "--temperature", "found -1"),
    Case("sample --checkpoint a.txt --top-p 0", 64, "--top-p", "found 0"),
    Case("eval --checkpoint a.txt --data a.txt --heatmap map.png", 64, "--heatmap", ".html or .csv"),
    Case("eval --checkpoint a.txt --data a.txt --heatmap nowhere/map.html", 74, "nowhere/map.html"),
    Case("--train a.txt --profile nowhere/trace.json", 74, "nowhere/trace.json"),
    Case("--train a.txt --profile a.txt", 64, "--profile", "'a.txt'", "which is read"),
    Case("--train a.txt --profile /dev/full", 74, "/dev/full", "device"),
    Case("eval --checkpoint a.txt --data a.txt --surprising 0", 64, "--surprising", "found 0"),
    Case("eval --checkpoint a.txt --data a.txt --dynamic -1", 64, "--dynamic", "found -1"),
    Case("sample --checkpoint a.txt --color red", 64, "--color", "auto"),
    Case("sample --checkpoint a.txt --interactive --prime a", 64, "--interactive", "--prime"),
    // Data.
    Case("--train empty", 65, "'empty'", "no text"),
    Case("--train short --bs 64", 65, "too short", "128", "found 9"),
    Case("--train same --bs 4", 65, "one distinct character"),
    Case("--train latin1 --bs 4", 65, "byte offset 4", "--unit byte"),
    Case("--train nothing", 65, "no files"),
    Case("--train a.txt --valid-fraction 0.9999", 65, "too short"),
    Case("--train sparse --unit byte", 65, "'sparse'", "too large"),
    Case("--train /dev/zero", 65, "'/dev/zero'", "device"),
    Case("--config unknown.yaml", 65, "unknown.yaml", "hiden"),
    Case("--config types.yaml", 65, "whole number", "hidden"),
    Case("--config broken.yaml", 65, "broken.yaml", "YAML"),
    Case("--config twice.yaml", 65, "twice.yaml", "duplicate", "hidden"),
    Case("--config empty", 65, "'empty'", "options"),
    Case("--config /dev/zero", 74, "/dev/zero", "too large"),
    // Of all ranks only rank 0 does other work than training.
    Case("sample --chekpoint a.txt", 64, "'--chekpoint'", "Did you mean '--checkpoint'?"),
    Case("eval --checkpoint a.txt --dato=a.txt", 64, "'--dato'", "'--data'"),
    Case("inspect a.txt", 65, "a.txt", "safetensors"),
    Case("sample --checkpoint nothing", 64, "--checkpoint", "a run's directory", "'nothing'"),
    Case("sample --checkpoint empty", 65, "'empty'", "0 bytes"),
    Case("eval --checkpoint short --data a.txt", 65, "'short'"),
    Case("export --checkpoint nothing --to x.safetensors", 64, "'nothing'", "directory"),
    Case("inspect /dev/zero", 65, "/dev/zero", "device"),
    // It says that it has no bytes, and has some.
    Case("inspect /proc/self/cmdline", 65, "/proc/self/cmdline", "0 bytes"),
    Case("inspect pipe", 65, "'pipe'", "pipe"),
    Case("inspect missing", 74, "'missing'", "No such file"),
    Case("--train a.txt --valid empty --bs 4", 65, "'empty'"),
    Case("--train a.txt --min-freq 1000000", 65, "--min-freq"),
    // Input and output.
    Case("--train missing.txt", 74, "missing.txt", "No such file"),
    Case("--train names", 74, "names/", "not UTF-8"),
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
    directory.write("options.yaml", "hidden: 8")
    directory.write("unknown.yaml", "hiden: 8")
    directory.write("types.yaml", "hidden: wide")
    directory.write("broken.yaml", "hidden: [8")
    directory.write("twice.yaml", "hidden: 8\ncell: rnn\nhidden: 9\n")
    truncate(directory.write("sparse", ""), 1 << 42)
    mkfifo(directory.path("pipe"), 0o600)
    try FileManager.default.createDirectory(
      atPath: directory.path("names"), withIntermediateDirectories: false)
    let name = Array(directory.path("names/caf").utf8CString.dropLast()) + [CChar(bitPattern: 0xE9), 0]
    close(creat(name, 0o600))
    try FileManager.default.createDirectory(
      atPath: directory.path("nothing"), withIntermediateDirectories: false)
  }

  @Test(arguments: cases)
  func underMPIOneRankSpeaksAndAllEnd(_ bad: Case) throws {
    let outcome = try Program.run(
      "chartrain-dist", bad.arguments, ranks: 4, currentDirectory: directory.path, secondsAllowed: 30)
    try expect(outcome, bad)
  }

  /// mpirun ends all ranks as soon as one has failed; that must not be before rank 0 has said why.
  @Test func aSlowRankZeroIsStillHeard() throws {
    let slow =
      "if [ $OMPI_COMM_WORLD_RANK = 0 ]; then sleep 2; fi; exec \(Program.path("chartrain-dist")) --bs 0"
    let outcome = try Program.run(["mpirun", "-q", "-n", "3", "sh", "-c", slow], secondsAllowed: 30)
    #expect(outcome.status == 64)
    #expect(outcome.errorLines.count == 1 && outcome.errors.contains("--bs"), "\(outcome.errors)")
  }

  @Test(arguments: cases.filter { !$0.words.contains("4 ranks") })
  func aloneToo(_ bad: Case) throws {
    try expect(
      try Program.run("chartrain-dist", bad.arguments, currentDirectory: directory.path, secondsAllowed: 30),
      bad)
  }

  /// `docs/bad-inputs.md` shows these cases; WRITE_DOCS=1 writes it anew.
  @Test func theTableInTheDocsIsTrue() throws {
    let path = Outside.top + "/docs/bad-inputs.md"
    var page = try String(contentsOfFile: path, encoding: .utf8)
    let start = try #require(page.range(of: "| --- | --- | --- |\n")).upperBound
    let rows = try Self.cases.map { bad in
      // Of several ranks where there must be some for the input to be bad.
      let outcome = try Program.run(
        "chartrain-dist", bad.arguments, ranks: bad.words.contains("4 ranks") ? 4 : nil,
        currentDirectory: directory.path, secondsAllowed: 30)
      let message = outcome.errorLines.first?.dropFirst("chartrain-dist: error: ".count) ?? ""
      return "| `\(bad.testDescription)` | \(message.replacing("|", with: "\\|")) | \(outcome.status) |\n"
    }
    let table = rows.joined()
    if ProcessInfo.processInfo.environment["WRITE_DOCS"] == "1" {
      page.replaceSubrange(start..., with: table)
      try page.write(toFile: path, atomically: true, encoding: .utf8)
    }
    // Machines have other amounts of memory.
    func withoutSizes(_ text: String) -> String {
      text.replacing(/[0-9.]+ (GiB|bytes)/, with: "")
    }
    #expect(withoutSizes(String(page[start...])) == withoutSizes(table))
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

  /// Root may read everything, and then runs the program as nobody.
  @Test func anUnreadableFileIsNamed() throws {
    let program = directory.path("program")
    try FileManager.default.copyItem(atPath: Program.path("chartrain-dist"), toPath: program)
    chmod(directory.path("a.txt"), 0)
    chmod(directory.path, 0o755)
    let asNobody = getuid() == 0 ? ["setpriv", "--reuid=65534", "--clear-groups"] : []
    let outcome = try Program.run(
      asNobody + [program, "--train", "a.txt", "--max-steps", "1"], currentDirectory: directory.path)
    #expect(outcome.status == 74)
    #expect(
      outcome.errorLines.count == 1 && outcome.errors.contains("'a.txt': Permission denied"),
      "\(outcome.errors)")
  }

  @Test func linksThatLeadBackEndNothing() throws {
    for name in ["one", "two"] { symlink(".", directory.path("nothing/\(name)")) }
    directory.write("nothing/text", String(repeating: "some text ", count: 500))
    let outcome = try Program.run(
      "chartrain-dist",
      [
        "--train", "nothing", "--bs", "4", "--hidden", "8", "--max-steps", "1", "--quiet", "--run-dir", "run",
      ], currentDirectory: directory.path, secondsAllowed: 30)
    #expect(outcome.status == 0, "\(outcome.errors)")
  }

  @Test func anotherMPIsLauncherIsRefused() throws {
    let outcome = try Program.run("chartrain-dist", ["--max-steps", "1"], environment: ["PMI_SIZE": "2"])
    #expect(outcome.status == 1)
    #expect(outcome.errorLines.count == 1 && outcome.errors.contains("Open MPI"))
  }
}

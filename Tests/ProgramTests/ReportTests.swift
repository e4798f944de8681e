import Foundation
import Glibc
import TestSupport
import Testing

/// The data in the page about a run; `BrowserTests` looks at the page.
@Suite struct ReportTests {
  private let small = SmallRuns()

  /// The data in a report.
  private func data(in page: String) throws -> [[String: Any]] {
    let start = try #require(page.range(of: #"<script type="application/json" id="data">"#))
    let end = try #require(page[start.upperBound...].range(of: "</script>"))
    let json = page[start.upperBound..<end.lowerBound]
    #expect(!json.contains("<"))
    let data = try #require(try JSONSerialization.jsonObject(with: Data(json.utf8)) as? [String: Any])
    return try #require(data["runs"] as? [[String: Any]])
  }

  /// The page has all that it needs in it, and its data as they are.
  @Test func theReportIsOnePageWithTheRunsData() throws {
    try small.train("a", ranks: 2)
    try small.train("b", ["--lr", "0.01"])
    let outcome = try small.run(["report", "a", "b", "--to", "both.html"])
    #expect(outcome.status == 0, "\(outcome.errors)")
    let page = try String(contentsOfFile: small.directory.path("both.html"), encoding: .utf8)
    #expect(
      !page.contains("<!-- data -->") && !page.contains("<!-- script -->") && !page.contains("<!-- style -->")
    )
    let other = page.replacingOccurrences(of: "http://www.w3.org/2000/svg", with: "")
    for address in ["http://", "https://", "src=", "@import"] {
      #expect(!other.contains(address), "\(address)")
    }
    let runs = try data(in: page)
    #expect(runs.map { $0["name"] as? String } == ["a", "b"])
    let epochs = try #require(runs[0]["epochs"] as? [[String: Any]])
    let phases = try #require(epochs[0]["phaseSeconds"] as? [String: [Double]])
    #expect(epochs.count == 2 && phases["forward"]?.count == 2)
    #expect((runs[0]["samples"] as? [[String: Any]])?.count == 2)
    let files = try #require(runs[0]["checkpoints"] as? [[String: Any]]).compactMap { $0["file"] as? String }
    #expect(
      !files.isEmpty && files.allSatisfy { FileManager.default.fileExists(atPath: small.directory.path($0)) })
    #expect(try small.run(["report", "a"]).status == 0)
    #expect(FileManager.default.fileExists(atPath: small.directory.path("a/report.html")))
    #expect(try small.run(["report", "none"]).status == 64)
    #expect(try small.run(["report", "a", "--to", "x.txt"]).status == 64)
  }

  /// As on a disk that was full for a time.
  @Test func theReportSaysWhichStepsHaveNoLine() throws {
    try small.train("a")
    let path = small.directory.path("a/metrics.jsonl")
    var lines = try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n")
    func missing() throws -> Int? {
      #expect(try small.run(["report", "a"]).status == 0)
      let page = try String(contentsOfFile: small.directory.path("a/report.html"), encoding: .utf8)
      return try data(in: page)[0]["stepsWithoutLine"] as? Int
    }
    #expect(try missing() == 0)
    // A checkpoint's line comes once its file is written, which may be between those of any steps.
    let ofSteps = lines.indices.filter { lines[$0].contains(#""kind":"step""#) }
    for index in ofSteps[3...5].reversed() { lines.remove(at: index) }
    try lines.joined(separator: "\n").write(toFile: path, atomically: true, encoding: .utf8)
    #expect(try missing() == 3)
  }

  /// Nobody could add these up.
  @Test func moreRanksThanThereCanBeAreNoCrash() throws {
    try small.train("a")
    let path = small.directory.path("a/metrics.jsonl")
    let line =
      #"{"epoch":0,"kind":"start","ranks":{"a":9223372036854775807,"b":9223372036854775807},"step":0,"time":1}"#
    try (String(contentsOfFile: path, encoding: .utf8) + line + "\n").write(
      toFile: path, atomically: true, encoding: .utf8)
    #expect(try small.run(["report", "a"]).status == 0)
  }

  /// As long as it goes on, and once it has been killed.
  @Test func theReportSaysWhatHasBecomeOfARun() throws {
    let program = try RunningProgram(
      "chartrain-dist",
      [
        "--run-dir", "a", "--train", "text.txt", "--hidden", "24", "--bs", "8", "--epochs", "100000",
        "--quiet",
        "--checkpoint-every", "20",
      ], ranks: nil, currentDirectory: small.directory.path)
    try program.wait {
      FileManager.default.fileExists(atPath: small.directory.path("a/checkpoints/step-40.safetensors"))
    }
    func report() throws -> [String: Any] {
      #expect(try small.run(["report", "a"]).status == 0)
      return try data(in: String(contentsOfFile: small.directory.path("a/report.html"), encoding: .utf8))[0]
    }
    let going = try report()
    #expect(going["state"] as? String == "going on" && going["isSound"] as? Bool == true)
    kill(program.process, SIGKILL)
    _ = try program.outcome()
    let killed = try report()
    #expect(killed["state"] as? String == "ended without a word" && killed["isSound"] as? Bool == false)
    #expect(try small.run(["--resume", "a", "--max-steps", "1000", "--quiet"], ranks: 2).status == 0)
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
    try small.train("a")
    let outcome = try Program.run(
      "chartrain-dist", ["report", "."], currentDirectory: small.directory.path("a"))
    #expect(outcome.status == 0, "\(outcome.errors)")
    let page = try String(contentsOfFile: small.directory.path("a/report.html"), encoding: .utf8)
    #expect(try data(in: page)[0]["name"] as? String == "a")
  }
}

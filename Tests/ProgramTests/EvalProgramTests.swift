import Foundation
import TestSupport
import Testing

/// What `eval` tells of single characters, and how it goes on learning.
@Suite struct EvalProgramTests {
  private let directory = TemporaryDirectory()
  private static let sentence = "Größe, sagte \"er\", ist relativ.\n"
  private static let oddity = "vitaler tagte reiste"
  /// One passage is unlike the others.
  private static let text =
    String(repeating: sentence, count: 20) + oddity + String(repeating: sentence, count: 20)

  init() throws {
    directory.write("train.txt", String(repeating: Self.sentence, count: 100))
    directory.write("text.txt", Self.text)
    let outcome = try run([
      "--run-dir", "run", "--train", "train.txt", "--hidden", "24", "--cell", "lstm", "--bs", "8", "--epochs",
      "12", "--lr", "0.02", "--newlines", "keep", "--quiet",
    ])
    #expect(outcome.status == 0, "\(outcome.errors)")
  }

  private func run(_ arguments: [String]) throws -> Program.Outcome {
    try Program.run("chartrain-dist", arguments, currentDirectory: directory.path)
  }

  private func eval(_ more: [String]) throws -> [String: Any] {
    let outcome = try run(["eval", "--checkpoint", "run", "--data", "text.txt", "--json"] + more)
    #expect(outcome.status == 0, "\(outcome.errors)")
    return try #require(try JSONSerialization.jsonObject(with: Data(outcome.output.utf8)) as? [String: Any])
  }

  @Test func theTableHasEveryCharacter() throws {
    let report = try eval(["--heatmap", "map.csv", "--bs", "2"])
    let lines = try String(contentsOfFile: directory.path("map.csv"), encoding: .utf8)
      .split(separator: "\n").map(String.init)
    #expect(lines[0] == "position,character,nats,likeliest")
    let characters = Array(Self.text.unicodeScalars)
    #expect(lines.count == 1 + characters.count)
    var sum = 0.0
    var surprises = 0
    for (position, line) in lines.dropFirst().enumerated() {
      let name: String
      switch characters[position] {
      case "\n": name = "\\n"
      case ",": name = "\",\""
      case " ": name = "\" \""
      case "\"": name = "\"\"\"\""
      case let other: name = String(Character(other))
      }
      let prefix = "\(position),\(name),"
      #expect(line.hasPrefix(prefix), "\(line)")
      let fields = line.dropFirst(prefix.count).split(
        separator: ",", maxSplits: 1, omittingEmptySubsequences: false)
      let nats = Double(fields[0])
      #expect((nats == nil) == (position % (characters.count / 2) == 0), "\(line)")
      sum += nats ?? 0
      // What has more than half of the probability is likeliest, and what is not has at most half.
      if let nats, nats < log(2) - 1e-6 { #expect(fields[1] == name, "\(line)") }
      if let nats, fields[1] != name { surprises += nats > log(2) - 1e-6 ? 1 : 1000 }
    }
    #expect((1..<100).contains(surprises))
    let mean = try #require(report["natsPerCharacter"] as? Double)
    #expect(abs(sum / Double(characters.count - 2) - mean) < 1e-6)
  }

  @Test func thePageShowsTheTextAndItsWorstPassages() throws {
    directory.write("text.txt", "<b>&" + Self.text)
    let outcome = try run([
      "eval", "--checkpoint", "run", "--data", "text.txt", "--heatmap", "map.html", "--surprising", "3",
    ])
    #expect(outcome.status == 0, "\(outcome.errors)")
    let page = try String(contentsOfFile: directory.path("map.html"), encoding: .utf8)
    #expect(!page.contains("<!-- ") && !page.contains("<script") && !page.contains("http://"))
    let start = try #require(page.range(of: "<pre>")?.upperBound)
    let end = try #require(page.range(of: "</pre>")?.lowerBound)
    let spans = page[start..<end].components(separatedBy: "<i").dropFirst()
    #expect(spans.count == Self.text.count + 4)
    let shown = spans.map { span in
      span.drop { $0 != ">" }.dropFirst().prefix { $0 != "<" }
    }.joined()
    let expected = ("\u{FFFD}b\u{FFFD}\u{FFFD}" + Self.text).replacingOccurrences(of: "\n", with: "⏎\n")
      .replacingOccurrences(of: "\"", with: "&quot;")
    // What the model does not know, it cannot show.
    #expect(shown.dropFirst(4) == expected.dropFirst(4))
    #expect(page[start..<end].components(separatedBy: " id=c").count == 4)
    // In the first line of the oddity: the model knows no other word that ends like this.
    let oddity = try #require(spans.first { $0.hasSuffix(">v</i>") && !$0.contains("data-cost=\"0.") })
    #expect(oddity.contains(#/data-cost="[0-9.]+ bits, likeliest: [^"]+"/#), "\(oddity)")
    #expect(outcome.output.contains(Self.oddity.prefix(8)), "\(outcome.output)")
  }

  /// Not where the result is read from.
  @Test func howFarItIsStandsOnTheTerminal() throws {
    let command = "\(Program.path("chartrain-dist")) eval --checkpoint run --data text.txt > result.txt"
    let outcome = try Program.run(
      ["script", "-qec", command, "/dev/null"], environment: ["TERM": "xterm"],
      currentDirectory: directory.path)
    #expect(outcome.status == 0 && outcome.output.contains("eval [-"), "\(outcome.output)")
    let result = try String(contentsOfFile: directory.path("result.txt"), encoding: .utf8)
    #expect(result.hasPrefix("nats per character") && !result.contains("\u{1B}"), "\(result)")
    let elsewhere = try run(["eval", "--checkpoint", "run", "--data", "text.txt"])
    #expect(elsewhere.output == result && elsewhere.errors.isEmpty, "\(elsewhere.errors)")
  }

  @Test(arguments: ["eval --checkpoint run --data text.txt", "sample --checkpoint run", "inspect run"])
  func aResultThatCannotBeWrittenIsNone(command: String) throws {
    let outcome = try Program.run(
      ["bash", "-c", "\(Program.path("chartrain-dist")) \(command) > /dev/full"],
      currentDirectory: directory.path)
    #expect(
      outcome.status == 74 && outcome.errors.contains("cannot write 'standard output'"), "\(outcome.errors)")
  }

  @Test func whatIsUnlikeTheRestIsMostSurprising() throws {
    let report = try eval(["--surprising", "2"])
    let passages = try #require(report["mostSurprising"] as? [[String: Any]])
    #expect(passages.count == 2)
    let worst = passages[0]
    let position = try #require(worst["position"] as? Int)
    let oddity = Self.text.range(of: Self.oddity)!
    let place = Self.text.distance(from: Self.text.startIndex, to: oddity.lowerBound)
    #expect(abs(position - place) < 40)
    #expect((worst["text"] as? String)?.contains(Self.oddity.prefix(8)) == true, "\(worst)")
    #expect(worst["bitsPerCharacter"] as! Double > 2 * (passages[1]["bitsPerCharacter"] as! Double))
  }

  @Test func whatIsReadIsLearnt() throws {
    let pattern = String(repeating: "relativ sagte Größe er ist, ", count: 60)
    directory.write("text.txt", pattern)
    let before = try Data(
      contentsOf: URL(fileURLWithPath: directory.path("run/checkpoints/best.safetensors")))
    func loss(_ more: [String]) throws -> Double {
      try #require(try eval(["--bs", "1"] + more)["natsPerCharacter"] as? Double)
    }
    let fixed = try loss([])
    #expect(try loss(["--dynamic", "0.3"]) < 0.7 * fixed)
    #expect(try abs(loss(["--dynamic", "1e-12"]) - fixed) < 1e-4)
    let after = try Data(contentsOf: URL(fileURLWithPath: directory.path("run/checkpoints/best.safetensors")))
    #expect(after == before)
    let diverged = try run([
      "eval", "--checkpoint", "run", "--data", "text.txt", "--dynamic", "1e38", "--heatmap", "map.csv",
    ])
    #expect(diverged.status == 64 && diverged.errorLines.count == 1, "\(diverged.errors)")
    #expect(diverged.errors.contains("--dynamic"), "\(diverged.errors)")
    #expect(!FileManager.default.fileExists(atPath: directory.path("map.csv")))
  }

  /// Nor one of a directory's.
  @Test func theTextIsNotWrittenOver() throws {
    try FileManager.default.createDirectory(
      atPath: directory.path("texts"), withIntermediateDirectories: true)
    try FileManager.default.copyItem(
      atPath: directory.path("text.txt"), toPath: directory.path("texts/a.csv"))
    let outcome = try run([
      "eval", "--checkpoint", "run", "--data", "texts", "--heatmap", "./texts/a.csv",
    ])
    #expect(
      outcome.status == 64 && outcome.errors.contains("which is read"), "\(outcome.errors)")
    #expect(
      try Data(contentsOf: URL(fileURLWithPath: directory.path("texts/a.csv")))
        == Data(contentsOf: URL(fileURLWithPath: directory.path("text.txt"))))
  }
}

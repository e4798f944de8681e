import Foundation
import TestSupport
import Testing

/// Runs of a small model on a small text, in a directory of their own.
struct SmallRuns {
  let directory = TemporaryDirectory()

  init() {
    directory.write(
      "text.txt", (0..<1500).map { "\($0 * $0 % 499) is <b>\($0 * 31 % 97)</b>\n" }.joined())
  }

  func run(_ arguments: [String], ranks: Int? = nil) throws -> Program.Outcome {
    try Program.run("chartrain-dist", arguments, ranks: ranks, currentDirectory: directory.path)
  }

  func train(_ name: String, _ more: [String] = [], ranks: Int? = nil) throws {
    let outcome = try run(
      [
        "--run-dir", name, "--train", "text.txt", "--hidden", "24", "--bs", "8", "--bptt", "16", "--epochs",
        "2",
        "--sample-length", "80", "--quiet",
      ] + more, ranks: ranks)
    #expect(outcome.status == 0, "\(outcome.errors)")
  }

  func metrics(_ name: String) throws -> [[String: Any]] {
    try String(contentsOfFile: directory.path(name) + "/metrics.jsonl", encoding: .utf8)
      .split(separator: "\n").map {
        try #require(try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any])
      }
  }
}

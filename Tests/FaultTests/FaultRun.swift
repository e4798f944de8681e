import Foundation
import TestSupport
import Testing
import Training

/// A run on a small text that is disturbed from outside, and one that is not, to compare it with.
struct FaultRun {
  let directory: TemporaryDirectory
  let name: String

  var path: String { directory.path(name) }
  private var metricsPath: String { path + "/metrics.jsonl" }
  var metrics: String { (try? String(contentsOfFile: metricsPath, encoding: .utf8)) ?? "" }

  /// Twelve blocks, so that 1, 2, 3 and 4 ranks give the same bits.
  static func options(_ directory: TemporaryDirectory, steps: Int, checkpointEvery: Int = 50) -> [String] {
    let text = directory.path("text.txt")
    if !FileManager.default.fileExists(atPath: text) {
      directory.write("text.txt", (0..<4000).map { "\($0 * $0 % 4999) is \($0 * 31 % 97)\n" }.joined())
    }
    return [
      "--train", text, "--cell", "lstm", "--layers", "2", "--hidden", "40", "--dropout", "0.3", "--bs", "12",
      "--bptt", "12", "--bptt-jitter", "--blocks", "12", "--reduce", "tree", "--epochs", "1000000",
      "--max-steps", "\(steps)", "--checkpoint-every", "\(checkpointEvery)", "--sample-length", "0",
      "--no-tensorboard", "--quiet",
    ]
  }

  /// The last step that it has noted.
  var steps: Int {
    guard let file = FileHandle(forReadingAtPath: metricsPath), let size = try? file.seekToEnd() else {
      return 0
    }
    // Long runs have many lines before.
    try? file.seek(toOffset: size - min(size, 8192))
    let end = String(decoding: (try? file.readToEnd()) ?? Data(), as: UTF8.self)
    let line = end.split(separator: "\n").last { $0.contains(#""kind":"step""#) && $0.hasSuffix("}") }
    return line?.firstMatch(of: /"step":([0-9]+)/).flatMap { Int($0.1) } ?? 0
  }

  var last: Checkpoint {
    get throws { try Checkpoint(path: path + "/checkpoints/last.safetensors") }
  }

  /// The names of its checkpoints, and of what has been left half-written.
  var checkpoints: [String] {
    (try? FileManager.default.contentsOfDirectory(atPath: path + "/checkpoints"))?.sorted() ?? []
  }

  /// Whether a checkpoint is being written, or was when its writer died.
  var hasTemporaryFiles: Bool { checkpoints.contains { $0.hasPrefix(".") } }

  /// The checksum of a run with the same options that nobody has disturbed.
  func undisturbedChecksum(steps: Int, checkpointEvery: Int = 50, _ options: [String] = []) throws -> String?
  {
    let whole = FaultRun(directory: directory, name: "undisturbed-\(steps)")
    let outcome = try Program.run(
      "chartrain-dist",
      Self.options(directory, steps: steps, checkpointEvery: checkpointEvery) + options
        + ["--run-dir", whole.path],
      secondsAllowed: 3600)
    #expect(outcome.status == 0, "\(outcome.errors)")
    return try whole.last.checksum
  }
}

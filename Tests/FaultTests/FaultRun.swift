import Foundation
import TestSupport
import Testing
import Training

/// A run on a small text that is disturbed from outside, and one that is not, to compare it with.
struct FaultRun {
  let directory: TemporaryDirectory
  let name: String

  var path: String { directory.path(name) }
  var metrics: String {
    (try? String(contentsOfFile: path + "/metrics.jsonl", encoding: .utf8)) ?? ""
  }

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
      "--quiet",
    ]
  }

  /// Steps that it has noted.
  var steps: Int { metrics.components(separatedBy: #""kind":"step""#).count - 1 }

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
  func undisturbedChecksum(steps: Int, checkpointEvery: Int = 50) throws -> String? {
    let whole = FaultRun(directory: directory, name: "undisturbed-\(steps)")
    let outcome = try Program.run(
      "chartrain-dist",
      Self.options(directory, steps: steps, checkpointEvery: checkpointEvery) + ["--run-dir", whole.path],
      secondsAllowed: 3600)
    #expect(outcome.status == 0, "\(outcome.errors)")
    return try whole.last.checksum
  }
}

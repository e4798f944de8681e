import Foundation
import Glibc
import TestSupport
import Testing
import Training

/// A file system of its own, too small for what a run writes.
@Suite(.enabled(if: getuid() == 0, "needs root, who may mount"))
struct DiskFullTests {
  private let directory = TemporaryDirectory()

  /// Runs `script` where `small` is a file system of that size, with the program and its options as `"$@"`. What is in `small` in
  /// the end goes to `kept`.
  private func run(_ script: String, size: String, steps: Int) throws -> Program.Outcome {
    for name in ["small", "kept"] {
      try FileManager.default.createDirectory(
        atPath: directory.path(name), withIntermediateDirectories: false)
    }
    let whole = """
      mount -t tmpfs -o size=\(size) tmpfs small || exit 99
      \(script)
      cp -r small/. kept
      exit $status
      """
    return try Program.run(
      ["unshare", "--mount", "sh", "-c", whole, "-", Program.path("chartrain-dist")]
        + FaultRun.options(directory, steps: steps) + ["--run-dir", "small/run"],
      currentDirectory: directory.path, secondsAllowed: 60)
  }

  /// Nothing but the first checkpoint fits: the run goes on to its end, and says that it could not be saved and what could.
  @Test func whereNothingFitsTheEndSaysSo() throws {
    let outcome = try run(
      #""$@"; status=$?"#, size: "500k", steps: 400)
    #expect(outcome.status == 74, "\(outcome.errors)")
    #expect(outcome.errors.contains("No space left on device"), "\(outcome.errors)")
    #expect(outcome.errorLines.last?.contains("the last good one is") == true, "\(outcome.errors)")
    let kept = FaultRun(directory: directory, name: "kept/run")
    #expect(try kept.last.progress?.step == 0)
    #expect(!kept.hasTemporaryFiles)
  }

  /// The disk is full for a while: what could not be written is noted, and in the end all is there.
  @Test func whereRoomIsMadeTheRunIsSaved() throws {
    let outcome = try run(
      """
      dd if=/dev/zero of=small/other bs=1k count=3500 2>dd-errors
      timeout -s KILL 50 "$@" 2>errors & program=$!
      until grep -q 'No space left' errors; do sleep 0.05; done
      rm small/other
      until [ "$(grep -c '"failure":null\\|"names":\\["step' small/run/metrics.jsonl)" -gt 3 ]; do sleep 0.05; done
      kill -TERM $program
      wait $program; status=$?; cat errors >&2
      """, size: "4m", steps: 100_000_000)
    #expect(outcome.status == 75, "\(outcome.errors)")
    let kept = FaultRun(directory: directory, name: "kept/run")
    #expect(try kept.last.progress?.step == kept.steps)
    let noted = kept.metrics.components(separatedBy: #""failure":"cannot"#).count - 1
    let said = outcome.errors.components(separatedBy: "not written: cannot").count - 1
    #expect(noted > 0 && said == noted, "\(noted) noted, \(said) said")
  }
}

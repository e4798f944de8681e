import Foundation
import Glibc
import TestSupport
import Testing
import Training

/// Every call of a run on its checkpoints made to fail, or to be the last before death, one by one.
@Suite struct CrashPointTests {
  private let directory = TemporaryDirectory()
  private static let library = Program.path("libFaultyStorage.so")

  private struct Fault {
    let at: Int
    var until = 0
    /// 0 for death.
    let error: Int32
  }

  /// Three checkpoints within the run, and those at its start and end; one of them is removed again.
  private func options(_ run: String) -> [String] {
    [
      "--train", directory.path("text.txt"), "--cell", "gru", "--hidden", "8", "--embedding", "4", "--bs",
      "4", "--bptt",
      "5", "--max-steps", "7", "--checkpoint-every", "2", "--keep", "2", "--sample-length", "0",
      "--run-dir",
      directory.path(run),
    ]
  }

  init() { directory.write("text.txt", String(repeating: "abcde fghij. ", count: 40)) }

  private func train(_ run: String, _ fault: Fault?) throws -> Program.Outcome {
    var environment = [
      "LD_PRELOAD": Self.library, "FAULT_PATH": "\(run)/checkpoints", "FAULT_COUNT": directory.path("count"),
    ]
    if let fault {
      environment["FAULT_AT"] = "\(fault.at)"
      environment["FAULT_UNTIL"] = "\(fault.until)"
      environment["FAULT_ERROR"] = "\(fault.error)"
    }
    return try Program.run("chartrain-dist", options(run), environment: environment)
  }

  private func checkpoints(_ run: String) -> [String] {
    let names =
      (try? FileManager.default.contentsOfDirectory(atPath: directory.path(run) + "/checkpoints")) ?? []
    return names.filter { !$0.hasPrefix(".") }.sorted()
  }

  private func checkpoint(_ run: String, _ name: String = "last.safetensors") throws -> Checkpoint {
    try Checkpoint(path: directory.path(run) + "/checkpoints/" + name)
  }

  /// The calls of a run without a fault, and what it ends with.
  private func whole() throws -> (calls: Int, checksum: String?) {
    let outcome = try train("whole", nil)
    #expect(outcome.status == 0, "\(outcome.errors)")
    #expect(
      checkpoints("whole") == ["best", "last", "previous", "step-4", "step-6"].map { $0 + ".safetensors" })
    let calls = try Int(String(contentsOfFile: directory.path("count"), encoding: .utf8))
    return (try #require(calls), try checkpoint("whole").checksum)
  }

  /// Goes on to the end, and compares.
  private func expectGoesOn(_ run: String, _ checksum: String?, _ what: String) throws {
    let resumed = try Program.run("chartrain-dist", ["--resume", directory.path(run)])
    #expect(resumed.status == 0, "\(what): \(resumed.errors)")
    for name in ["last", "best"] {
      #expect(try checkpoint(run, name + ".safetensors").checksum == checksum, "\(what): \(name)")
    }
    let names =
      (try? FileManager.default.contentsOfDirectory(atPath: directory.path(run) + "/checkpoints")) ?? []
    #expect(names.allSatisfy { !$0.hasPrefix(".") }, "\(what): \(names)")
  }

  @Test func deathAtEveryCall() throws {
    let (calls, checksum) = try whole()
    #expect(calls > 100)
    for call in 1...calls {
      let run = "run-\(call)"
      let outcome = try train(run, Fault(at: call, error: 0))
      #expect(outcome.status == SIGKILL, "call \(call): \(outcome.status)")
      for name in checkpoints(run) {
        #expect(throws: Never.self, "call \(call): \(name)") { try checkpoint(run, name).loadParameters() }
      }
      guard FileManager.default.fileExists(atPath: directory.path(run) + "/config.json") else { continue }
      try expectGoesOn(run, checksum, "call \(call)")
    }
  }

  /// The run goes on; what it cannot write it says, and its end is whole.
  @Test(arguments: [ENOSPC, EIO, EROFS])
  func oneFailureAtEveryCall(error: Int32) throws {
    let (calls, checksum) = try whole()
    for call in 1...calls {
      let run = "run-\(call)"
      let outcome = try train(run, Fault(at: call, error: error))
      // The directory itself must be there before anything else.
      guard outcome.status == 0 else {
        #expect(outcome.status == 74 && outcome.errorLines.count == 1, "call \(call): \(outcome.errors)")
        #expect(checkpoints(run) == [], "call \(call)")
        continue
      }
      #expect(!outcome.output.contains("could not be saved"), "call \(call): \(outcome.output)")
      for name in ["last", "best"] {
        #expect(try checkpoint(run, name + ".safetensors").checksum == checksum, "call \(call): \(name)")
      }
      for name in checkpoints(run) {
        #expect(throws: Never.self, "call \(call): \(name)") { try checkpoint(run, name).loadParameters() }
      }
    }
  }

  /// From some call on nothing can be written any more: status 74, and what was written stays.
  @Test func failureForGood() throws {
    let (calls, checksum) = try whole()
    for call in stride(from: 1, through: calls, by: 7) {
      let run = "run-\(call)"
      let outcome = try train(run, Fault(at: call, until: .max, error: ENOSPC))
      // The last calls only tidy up.
      guard outcome.status != 0 else { continue }
      #expect(outcome.status == 74, "call \(call): \(outcome.status)")
      #expect(
        outcome.errorLines.last?.contains("No space left on device") == true,
        "call \(call): \(outcome.errors)")
      for name in checkpoints(run) {
        #expect(throws: Never.self, "call \(call): \(name)") { try checkpoint(run, name).loadParameters() }
      }
      guard FileManager.default.fileExists(atPath: directory.path(run) + "/config.json") else { continue }
      try expectGoesOn(run, checksum, "call \(call)")
    }
  }
}

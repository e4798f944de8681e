import Foundation
import TestSupport
import Testing
import Training

/// That each option does what its help says, where no other test is about it.
@Suite struct OptionTests {
  private let directory = TemporaryDirectory()

  private func run(_ arguments: [String]) throws -> Program.Outcome {
    try Program.run("chartrain-dist", arguments, currentDirectory: directory.path)
  }

  private func json(_ text: String) throws -> [String: Any] {
    try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
  }

  /// Those of a run with a small model and `more`.
  private func resolved(_ more: [String]) throws -> [String: Any] {
    let outcome = try run(
      [
        "--run-dir", "run", "--hidden", "8", "--max-steps", "1", "--validate", "none", "--weight-decay",
        "0.01",
      ] + more)
    #expect(outcome.status == 0, "\(outcome.errors)")
    defer { try? FileManager.default.removeItem(atPath: directory.path("run")) }
    return try json(String(contentsOfFile: directory.path("run/config.json"), encoding: .utf8))
  }

  @Test func whatAConfigFileTurnsOnCanBeTurnedOff() throws {
    let switches = [
      "bpttJitter": "bptt-jitter", "carryStateAcrossEpochs": "carry-state-across-epochs",
      "decoupledWeightDecay": "decoupled-weight-decay", "endToken": "end-token", "histograms": "histograms",
      "lowercase": "lowercase", "tensorboard": "tensorboard", "verbose": "verbose",
    ]
    let on = Dictionary(uniqueKeysWithValues: switches.keys.map { ($0, true) })
    directory.write(
      "on.json", String(decoding: try JSONSerialization.data(withJSONObject: on), as: UTF8.self))
    let asFile = try resolved(["--config", "on.json"])
    let turnedOff = try resolved(["--config", "on.json"] + switches.values.map { "--no-" + $0 })
    let turnedOn = try resolved(switches.values.map { "--" + $0 })
    for key in switches.keys {
      #expect(asFile[key] as? Bool == true, "\(key)")
      #expect(turnedOff[key] as? Bool == false, "\(key)")
      #expect(turnedOn[key] as? Bool == true, "\(key)")
    }
  }

  /// A decay of 1 / rate takes away whatever was there before the step.
  @Test(arguments: [true, false]) func decayIsDecoupledOrNot(isDecoupled: Bool) throws {
    let outcome = try run(
      [
        "--run-dir", "run", "--hidden", "8", "--max-steps", "1", "--validate", "none", "--lr", "0.01",
        "--weight-decay", "100", "--quiet",
      ] + (isDecoupled ? ["--decoupled-weight-decay"] : []))
    #expect(outcome.status == 0, "\(outcome.errors)")
    let checkpoint = try Checkpoint(path: directory.path("run/checkpoints/last.safetensors"))
    let parameters = try checkpoint.loadParameters()
    let largest = (0..<parameters.flat.count).map { abs(parameters.flat[$0]) }.max()!
    #expect((largest < 0.0101) == isDecoupled, "\(largest)")
  }

  @Test func aVerboseRunSaysWhatItWrites() throws {
    func errors(_ more: [String]) throws -> String {
      let run = ["--run-dir", "run", "--hidden", "8", "--max-steps", "2", "--validate", "none"]
      let outcome = try self.run(run + more)
      #expect(outcome.status == 0, "\(outcome.errors)")
      try FileManager.default.removeItem(atPath: directory.path("run"))
      return outcome.errors
    }
    #expect(try errors(["--verbose"]).contains("wrote last after step 2"))
    #expect(try !errors([]).contains("wrote last"))
  }

  @Test func everyCommandSaysItsVersion() throws {
    for command in [[], ["sample"], ["plan"]] {
      let outcome = try run(command + ["--version"])
      #expect(outcome.status == 0 && outcome.output.wholeMatch(of: /[0-9]+\.[0-9]+\.[0-9]+\n/) != nil)
    }
  }

  @Test func aScheduleTakesItsNumbers() throws {
    let cosine = try resolved([
      "--schedule", "cosine", "--cycle-length", "2", "--cycle-mult", "3", "--epochs", "8",
    ])
    #expect(cosine["cycleLength"] as? Int == 2 && cosine["cycleMult"] as? Int == 3, "\(cosine)")
    let warmUp = try run([
      "--run-dir", "warm", "--hidden", "8", "--schedule", "warmup", "--warmup-steps", "4", "--lr", "0.004",
      "--max-steps", "6", "--validate", "none", "--quiet",
    ])
    #expect(warmUp.status == 0, "\(warmUp.errors)")
    let rates = try String(contentsOfFile: directory.path("warm/metrics.jsonl"), encoding: .utf8)
      .split(separator: "\n").compactMap { try json(String($0))["learningRate"] as? Double }
    #expect(rates.count == 6)
    for (step, rate) in rates.enumerated() {
      #expect(abs(rate - 0.001 * Double(min(step + 1, 4))) < 1e-12, "\(rates)")
    }
  }

  /// The second epoch begins otherwise, the first does not.
  @Test func theStateIsCarriedAcrossEpochsOrNot() throws {
    func losses(_ more: [String]) throws -> [Double] {
      let outcome = try run(
        [
          "--run-dir", "run", "--train", "text.txt", "--hidden", "8", "--bs", "4", "--bptt", "20", "--epochs",
          "2", "--validate", "none", "--quiet", "--no-bptt-jitter",
        ] + more)
      #expect(outcome.status == 0, "\(outcome.errors)")
      let lines = try String(contentsOfFile: directory.path("run/metrics.jsonl"), encoding: .utf8)
      try FileManager.default.removeItem(atPath: directory.path("run"))
      return try lines.split(separator: "\n").map { try json(String($0)) }
        .filter { $0["kind"] as? String == "step" }.map { try #require($0["loss"] as? Double) }
    }
    directory.write("text.txt", (0..<300).map { "\($0 * 7919 % 1000) " }.joined())
    let carried = try losses(["--carry-state-across-epochs"])
    let fresh = try losses([])
    let half = carried.count / 2
    #expect(carried.count == fresh.count && half > 5)
    #expect(carried[..<half] == fresh[..<half])
    #expect(carried[half] != fresh[half])
  }

  @Test func theRateFinderTakesItsRange() throws {
    let outcome = try run([
      "lr-find", "--hidden", "8", "--steps", "5", "--from", "1e-4", "--to", "1e-2", "--run-dir", "found",
      "--quiet",
    ])
    #expect(outcome.status == 0, "\(outcome.errors)")
    let curve = try json(String(contentsOfFile: directory.path("found/lr-find.json"), encoding: .utf8))
    let rates = try #require(curve["points"] as? [[String: Any]]).map { $0["learningRate"] as! Double }
    #expect(rates.count == 5 && abs(rates[0] / 1e-4 - 1) < 1e-9 && abs(rates[4] / 1e-2 - 1) < 1e-9)
  }

  @Test func planTakesTheNetworkAsItIsTold() throws {
    func stepSeconds(latency: String) throws -> Double {
      let outcome = try run([
        "plan", "--hidden", "8", "--bs", "4", "--cores", "1", "--bandwidth", "1", "--latency", latency,
        "--json",
      ])
      #expect(outcome.status == 0, "\(outcome.errors)")
      let rows = try #require(try json(outcome.output)["strong"] as? [[String: Any]])
      let twoHosts = rows.first { ($0["shape"] as? [String: Any])?["hosts"] as? Int == 2 }
      return try #require(twoHosts?["stepSeconds"] as? Double)
    }
    // A second each way and more.
    #expect(try stepSeconds(latency: "1e6") > 1)
    #expect(try stepSeconds(latency: "10") < 0.5)
  }

  /// As a run does.
  @Test func planRefusesATextThatIsTooShort() throws {
    directory.write("short", "too short")
    let outcome = try run(["plan", "--train", "short", "--bs", "64"])
    #expect(
      outcome.status == 65 && outcome.errors.contains("64 streams need at least 128 characters"),
      "\(outcome.errors)")
  }

  /// Where many ranks would wait long for one.
  @Test func planSaysWhenAllShouldValidate() throws {
    func advice(bs: String, validFraction: String, _ more: [String] = []) throws -> String {
      let outcome = try run(
        [
          "plan", "--hidden", "128", "--layers", "2", "--bs", bs, "--cores", "1", "--bandwidth", "400",
          "--latency", "1", "--valid-fraction", validFraction,
        ] + more)
      #expect(outcome.status == 0, "\(outcome.errors)")
      return String(try #require(outcome.output.split(separator: "to run the fastest: ").last))
    }
    let much = try advice(bs: "256", validFraction: "0.5")
    #expect(much.contains("--validate all") && much.contains("of their time for rank 0"), "\(much)")
    // Nothing that has been said already.
    let told = try advice(bs: "256", validFraction: "0.5", ["--validate", "all"])
    #expect(!told.contains("validat"), "\(told)")
    let little = try advice(bs: "4", validFraction: "0.001")
    #expect(!little.contains("validat"), "\(little)")
  }

  @Test func benchMeasuresAsManyStepsAsItIsTold() throws {
    let options = ["bench", "--hidden", "8", "--bs", "4", "--steps", "7", "--warm-up", "2", "--json"]
    let outcome = try run(options)
    #expect(outcome.status == 0, "\(outcome.errors)")
    #expect(try json(outcome.output)["steps"] as? Int == 7, "\(outcome.output)")
  }

  @Test func controlCharactersAreWrittenAsTheyAreOnlyToFiles() throws {
    directory.write("text.txt", String(repeating: "a\u{1B}", count: 400))
    _ = try run([
      "--run-dir", "run", "--train", "text.txt", "--hidden", "8", "--bs", "4", "--max-steps", "20", "--quiet",
    ])
    let sample = ["sample", "--checkpoint", "run", "--length", "50", "--prime", "a"]
    #expect(try run(sample).output.contains("␛"))
    let raw = try run(sample + ["--raw"])
    #expect(raw.output.contains("\u{1B}") && !raw.output.contains("␛"))
    let command = ([Program.path("chartrain-dist")] + sample + ["--raw"]).joined(separator: " ")
    let refused = try Program.run(
      ["script", "-qec", command, "/dev/null"], environment: ["TERM": "xterm"],
      currentDirectory: directory.path)
    #expect(refused.status == 64 && refused.output.contains("no terminal"), "\(refused.output)")
  }

  @Test func aBreakpointNeedsADebugger() throws {
    let outcome = try run(["debug", "--hidden", "8", "--break-at", "2"])
    #expect(outcome.status == 64 && outcome.errors.contains("expected a debugger"), "\(outcome.errors)")
  }

  @Test(.enabled(if: Outside.program("gdb") != nil, "no gdb"))
  func aBreakpointStopsInTheDebugger() throws {
    let outcome = try Program.run(
      [
        "gdb", "--batch", "-nx", "-ex", "run", "-ex", "info threads", "-ex", "kill", "--args",
        Program.path("chartrain-dist"), "debug", "--ranks", "2", "--hidden", "8", "--bs", "8", "--break-at",
        "2", "--run-dir", "run",
      ], currentDirectory: directory.path)
    #expect(outcome.output.contains("SIGTRAP"), "\(outcome.output) \(outcome.errors)")
  }
}

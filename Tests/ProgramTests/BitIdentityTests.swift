import Foundation
import TestSupport
import Testing
import Training

/// The same bits on any number of ranks, under mpirun and in one process.
@Suite struct BitIdentityTests {
  private let directory = TemporaryDirectory()

  /// Everything that makes a step more than a sum: dropout of every kind, averaging, clipping, random windows, restarts, two epochs with a validation between.
  private func options(_ cell: String) throws -> [String] {
    let text = (0..<900).map { "the \($0 * 7919 % 613) of the \($0 * 31 % 97)\n" }.joined()
    try text.write(toFile: directory.path("text"), atomically: true, encoding: .utf8)
    return [
      "--train", directory.path("text"), "--cell", cell, "--layers", "2", "--hidden", "20", "--embedding",
      "9",
      "--bs", "26", "--bptt", "10", "--bptt-jitter", "--dropout", "0.3", "--dropout-output", "0.2",
      "--average-decay", "0.9", "--clip-norm", "0.5", "--lr", "0.01",
      "--epochs", "2", "--schedule", "cosine", "--sample-length", "0", "--reduce", "tree",
    ]
  }

  /// The tensors' bytes of the run's last checkpoint: parameters, moments and states.
  private func tensorData(_ run: String) throws -> Data {
    let file = try Data(
      contentsOf: URL(fileURLWithPath: directory.path(run) + "/checkpoints/last.safetensors"))
    let headerLength = file.prefix(8).reversed().reduce(0) { $0 << 8 | Int($1) }
    return file.dropFirst(8 + headerLength)
  }

  private func train(_ name: String, _ options: [String], ranks: Int, program: String? = nil) throws -> Data {
    let command = ["mpirun", "-q", "-n", "\(ranks)", program ?? Program.path("chartrain-dist")]
    let outcome = try Program.run(command + ["--run-dir", name] + options, currentDirectory: directory.path)
    #expect(outcome.status == 0, "\(outcome.errors)")
    return try tensorData(name)
  }

  private func debug(_ name: String, _ options: [String], ranks: Int) throws -> Data {
    let outcome = try Program.run(
      "chartrain-dist", ["debug", "--ranks", "\(ranks)", "--run-dir", name] + options,
      currentDirectory: directory.path)
    #expect(outcome.status == 0, "\(outcome.errors)")
    return try tensorData(name)
  }

  private func losses(_ run: String) throws -> [[Double?]] {
    struct Line: Decodable {
      let kind: String
      let loss: Double?
      let trainLoss: Double?
      let validLoss: Double?
    }
    let text = try String(contentsOfFile: directory.path(run) + "/metrics.jsonl", encoding: .utf8)
    let lines = try text.split(separator: "\n").map {
      try JSONDecoder().decode(Line.self, from: Data($0.utf8))
    }
    // Checkpoints are noted when they are written.
    return lines.filter { $0.kind != "checkpoint" }.map { [$0.loss, $0.trainLoss, $0.validLoss] }
  }

  /// Whoever validates, in whatever shares.
  @Test func validationLossesOnAnyNumberOfRanks() throws {
    let options = try options("gru") + ["--blocks", "12"]
    _ = try train("rank0", options, ranks: 2)
    let expected = try losses("rank0")
    for ranks in 1...4 {
      _ = try train("all-\(ranks)", options + ["--validate", "all"], ranks: ranks)
      #expect(try losses("all-\(ranks)") == expected, "\(ranks) ranks")
    }
  }

  @Test(arguments: ["rnn", "gru", "lstm"])
  func onAnyNumberOfRanks(cell: String) throws {
    let options = try options(cell)
    let expected = try train("m1", options, ranks: 1)
    #expect(expected.count > 10_000)
    for ranks in [2, 4, 8] {
      #expect(try train("m\(ranks)", options, ranks: ranks) == expected, "mpirun with \(ranks) ranks")
    }
    for ranks in [1, 2, 4, 8] {
      #expect(try debug("d\(ranks)", options, ranks: ranks) == expected, "debug with \(ranks) ranks")
    }
    // The loss of every step, every epoch and every validation.
    let curve = try losses("m1")
    #expect(curve.count > 20)
    for run in ["m2", "m4", "m8", "d4"] { #expect(try losses(run) == curve, "\(run)") }
  }

  /// Ranks whose blocks are no whole node of the tree.
  @Test(arguments: ["rnn", "gru", "lstm"], [6, 12])
  func alsoWhereRanksAreNoPowerOfTwo(cell: String, blocks: Int) throws {
    let options = try options(cell) + ["--blocks", "\(blocks)"]
    let expected = try train("m1", options, ranks: 1)
    for ranks in [2, 3, 6] {
      #expect(try train("m\(ranks)", options, ranks: ranks) == expected, "\(ranks) ranks")
      #expect(try debug("d\(ranks)", options, ranks: ranks) == expected, "debug with \(ranks) ranks")
    }
  }

  @Test(arguments: ["rnn", "gru", "lstm"])
  func onAnyNumberOfThreads(cell: String) throws {
    let options = try options(cell) + ["--hidden", "70"]
    let expected = try train("t1", options, ranks: 1)
    #expect(try train("t4", options + ["--threads", "4"], ranks: 1) == expected)
    #expect(try train("t3", options + ["--threads", "3"], ranks: 2) == expected)
  }

  static let narrowProgram = Program.variant("chartrain-dist", "x86-64-v3", configuration: "release")

  @Test(
    .enabled(if: narrowProgram != nil, "launch/variants has not built for x86-64-v3, or there is no AVX-512"),
    arguments: ["rnn", "gru", "lstm"])
  func alsoWithNarrowerRegisters(cell: String) throws {
    let options = try options(cell)
    let wide = try train("wide", options, ranks: 1)
    #expect(try train("narrow", options, ranks: 2, program: Self.narrowProgram) == wide)
  }

  private static func sanitized(_ name: String) -> String? {
    Program.variant("sanitizer-probe", "\(name)-sanitizer", configuration: "debug")
  }

  /// All ranks in one process, where the sanitizer sees them all; a short run of a small model.
  @Test(
    .enabled(
      if: sanitized("thread") != nil && sanitized("address") != nil,
      "launch/variants has not built with sanitizers"), arguments: ["thread", "address"])
  func theSanitizersFindNothing(sanitizer: String) throws {
    _ = try options("lstm")
    let outcome = try Program.run(
      [Self.sanitized(sanitizer)!, directory.path("text"), directory.path(sanitizer)])
    #expect(outcome.status == 0, "\(outcome.errors)")
    #expect(!outcome.errors.contains("Sanitizer"), "\(outcome.errors)")
    #expect(outcome.output == "ended: maximumSteps\n")
  }

  @Test func theHashesOfDebugAreThoseOfTrain() throws {
    let options = try options("gru") + ["--max-steps", "9"]
    func hashes(_ arguments: [String], ranks: Int?) throws -> [Substring] {
      let outcome = try Program.run(
        "chartrain-dist", arguments + options, ranks: ranks, currentDirectory: directory.path)
      #expect(outcome.status == 0, "\(outcome.errors)")
      return outcome.output.split(separator: "\n").filter { $0.hasPrefix("step ") && $0.contains("hash") }
    }
    let trained = try hashes(["train", "--print-hash", "--run-dir", "t"], ranks: 2)
    #expect(trained.count == 9)
    #expect(Set(trained.map { $0.suffix(16) }).count == 9, "every step moves the weights")
    #expect(try hashes(["debug", "--ranks", "4", "--run-dir", "d"], ranks: nil) == trained)
  }

  @Test func aFlippedBitIsFoundAtTheNextCheck() throws {
    let outcome = try Program.run(
      "chartrain-dist",
      ["--run-dir", "run", "--plant-fault", "7,2", "--check-every", "10", "--checkpoint-every", "5"]
        + options("lstm"),
      ranks: 4, currentDirectory: directory.path)
    #expect(outcome.status == 1)
    #expect(
      outcome.errorLines == [
        "chartrain-dist: error: after step 10, expected the same parameters on all ranks, found others on rank 2"
      ])
    try expectLastCheckpoint(ofStep: 5)
  }

  /// Before a checkpoint is written, ranks are compared as well: none holds what only some ranks have.
  @Test func noCheckpointIsWrittenOfRanksThatDiffer() throws {
    let outcome = try Program.run(
      "chartrain-dist",
      ["--run-dir", "run", "--plant-fault", "7,0", "--checkpoint-every", "5"] + options("gru"), ranks: 2,
      currentDirectory: directory.path)
    #expect(outcome.status == 1)
    #expect(
      outcome.errorLines == [
        "chartrain-dist: error: after step 10, expected the same parameters on all ranks, found others on rank 1 "
          + "(or the others are wrong: they are no majority)"
      ])
    try expectLastCheckpoint(ofStep: 5)
  }

  /// The last good checkpoint is there, and no later one.
  private func expectLastCheckpoint(ofStep step: Int) throws {
    let path = directory.path("run") + "/checkpoints"
    let files = try FileManager.default.contentsOfDirectory(atPath: path)
    #expect(Set(files) == ["step-\(step).safetensors", "last.safetensors", "previous.safetensors"])
    #expect(try Checkpoint(path: path + "/last.safetensors").progress?.step == step)
  }

  @Test(
    .enabled(if: narrowProgram != nil, "launch/variants has not built for x86-64-v3, or there is no AVX-512"))
  func ranksBuiltOtherwiseAreNamed() throws {
    let outcome = try Program.run(
      [
        "mpirun", "-q", "-n", "2", Program.path("chartrain-dist"), "bench", ":", "-n", "1",
        Self.narrowProgram!, "bench",
      ],
      currentDirectory: directory.path)
    #expect(outcome.status == 64)
    // On some processors it also says that it chooses other kernels of OpenBLAS.
    let errors = outcome.errorLines.filter { $0.hasPrefix("chartrain-dist: error: ") }
    #expect(errors.count == 1 && errors[0].contains("rank 2 on "), "\(outcome.errors)")
  }

  @Test func ranksStartedOtherwiseAreNamed() throws {
    let program = Program.path("chartrain-dist")
    let outcome = try Program.run(
      ["mpirun", "-q", "-n", "2", program, "--hidden", "32", ":", "-n", "1", program, "--hidden", "48"],
      currentDirectory: directory.path)
    #expect(outcome.status == 64)
    let found = "expected --hidden 32 as on other ranks, found 48"
    #expect(outcome.errorLines.count == 1)
    #expect(outcome.errorLines.first?.hasPrefix("chartrain-dist: error: rank 2 on ") == true)
    #expect(outcome.errorLines.first?.hasSuffix(found) == true)
  }

  @Test func treeNeedsRanksThatDivideTheBlocks() throws {
    let refused = try Program.run(
      "chartrain-dist", ["--run-dir", "run"] + options("rnn"), ranks: 3, currentDirectory: directory.path)
    #expect(refused.status == 64)
    #expect(
      refused.errorLines == [
        "chartrain-dist: error: --blocks: expected with --reduce tree a multiple of the 3 ranks, found 8"
      ])
    let automatic = try Program.run(
      "chartrain-dist", ["--run-dir", "run", "--max-steps", "2", "--hidden", "8", "--reduce", "auto"],
      ranks: 3,
      currentDirectory: directory.path)
    #expect(automatic.status == 0)
    #expect(automatic.errors.contains("3 ranks do not divide 8 blocks"))
  }
}

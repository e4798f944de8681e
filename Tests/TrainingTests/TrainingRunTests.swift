import Foundation
import Ranks
import TestSupport
import Testing
import Text
import Training

@Suite struct TrainingRunTests {
  private let directory = TemporaryDirectory()
  private var runPath: String { directory.path("run") }

  private func lines(_ kind: String, in run: String? = nil) throws -> [[String: Any]] {
    let text = try String(contentsOfFile: (run ?? runPath) + "/metrics.jsonl", encoding: .utf8)
    return try text.split(separator: "\n").compactMap { line in
      let object = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
      return object?["kind"] as? String == kind ? object : nil
    }
  }

  @Test(arguments: [1, 3])
  func aRunWritesItsFiles(ranks: Int) throws {
    var config = TrainingFixture.config(directory)
    config.phases = [Phase(epochs: 2, lr: 0.01), Phase(epochs: 1, lr: 0.001, adam: .fresh)]
    config.checkpointEvery = .steps(20)
    config.keep = 2
    try TrainingFixture.run(config, runDirectory: runPath, ranks: ranks)

    let epochs = try lines("epoch")
    #expect(epochs.map { $0["epoch"] as? Int } == [1, 2, 3])
    let steps = try lines("step")
    #expect(steps.map { $0["step"] as? Int } == Array(1...steps.count))
    #expect(steps.first?["learningRate"] as? Double == 0.01)
    #expect(steps.last?["learningRate"] as? Double == 0.001)
    for key in ["loss", "gradientNorm", "windowLength", "charactersPerSecond", "epoch"] {
      #expect(steps.allSatisfy { $0[key] is NSNumber }, "\(key)")
    }
    for key in ["trainLoss", "validLoss", "bitsPerCharacter", "seconds", "charactersPerSecond"] {
      #expect(epochs.allSatisfy { $0[key] is NSNumber }, "\(key)")
    }
    let firstLoss = try #require(epochs[0]["validLoss"] as? Double)
    let lastLoss = try #require(epochs[2]["validLoss"] as? Double)
    #expect(lastLoss < firstLoss)

    let checkpoints = try FileManager.default.contentsOfDirectory(atPath: runPath + "/checkpoints").sorted()
    let kept = [steps.count / 20 - 1, steps.count / 20].map { "step-\($0 * 20).safetensors" }
    #expect(checkpoints == (["best", "last", "previous"].map { "\($0).safetensors" } + kept).sorted())
    let last = try Checkpoint(path: runPath + "/checkpoints/last.safetensors")
    #expect(last.progress?.epoch == 3)
    #expect(last.progress?.step == steps.count)
    let best = try #require(epochs.compactMap { $0["validLoss"] as? Double }.min())
    #expect(abs(try #require(last.progress?.bestValidLoss) - best) < 1e-12)
    let samples = try String(contentsOfFile: runPath + "/samples.txt", encoding: .utf8)
    #expect(samples.contains("--- epoch 3\n"))
    config.runDir = runPath
    let configText = try String(contentsOfFile: runPath + "/config.json", encoding: .utf8)
    #expect(try JSONDecoder().decode(TrainingConfig.self, from: Data(configText.utf8)) == config)
  }

  /// Unequal shares, the average instead of the parameters, and a text too short for some ranks to have any of it.
  @Test(arguments: [3, 4], [nil, 5])
  func allRanksValidateAsRank0Does(ranks: Int, characters: Int?) throws {
    var config = TrainingFixture.config(directory)
    config.phases = [Phase(epochs: 2, lr: 0.01)]
    config.averageDecay = 0.9
    config.gemm = .simd
    config.valid = characters.map { directory.write("valid.txt", String(TrainingFixture.text.prefix($0))) }
    try TrainingFixture.run(config, runDirectory: runPath, ranks: ranks)
    config.validate = .all
    let all = directory.path("all")
    try TrainingFixture.run(config, runDirectory: all, ranks: ranks)
    let epochs = try lines("epoch", in: all)
    #expect(
      try epochs.map { $0["validLoss"] as! Double } == lines("epoch").map { $0["validLoss"] as! Double })
    #expect(epochs.count == 2)
    /// What part of the time of validation ranks waited, for each epoch.
    func idleParts(_ directory: String?) throws -> [Double] {
      try lines("epoch", in: directory).map { epoch in
        let (seconds, idle) = (epoch["validSeconds"] as! Double, epoch["validIdleSeconds"] as! Double)
        #expect(seconds > 0 && idle >= 0)
        return idle / (seconds * Double(ranks))
      }
    }
    // All but rank 0, all the time.
    let waiting = Double(ranks - 1) / Double(ranks)
    #expect(try idleParts(nil).allSatisfy { $0 > waiting - 1e-9 && $0 <= 1 })
    #expect(try idleParts(all).allSatisfy { $0 < 1 })
  }

  /// Validation, sampling and saving leave training alone.
  @Test func validationDoesNotDisturbTraining() throws {
    var config = TrainingFixture.config(directory)
    config.phases = [Phase(epochs: 3, lr: 0.01)]
    config.valid = config.train
    try TrainingFixture.run(config, runDirectory: runPath)
    (config.valid, config.validate) = (nil, .none)
    config.sampleLength = 0
    let bare = directory.path("bare")
    try TrainingFixture.run(config, runDirectory: bare)
    #expect(
      try lines("step").map { $0["loss"] as! Double } == lines("step", in: bare).map { $0["loss"] as! Double }
    )
    #expect(try lines("epoch", in: bare).allSatisfy { $0["validLoss"] == nil })
  }

  @Test func freshMomentsStartAgain() throws {
    var losses: [[Double]] = []
    for adam in Phase.Moments.allCases {
      var config = TrainingFixture.config(directory)
      config.phases = [Phase(epochs: 1, lr: 0.01), Phase(epochs: 1, lr: 0.01, adam: adam)]
      let path = directory.path(adam.rawValue)
      try TrainingFixture.run(config, runDirectory: path)
      losses.append(try lines("step", in: path).map { $0["loss"] as! Double })
      let stepCount = losses.last!.count
      let progress = try Checkpoint(path: path + "/checkpoints/last.safetensors").progress
      #expect(progress?.adamStep == (adam == .keep ? stepCount : stepCount / 2))
    }
    let half = losses[0].count / 2
    #expect(losses[0][...half] == losses[1][...half])
    #expect(losses[0][(half + 1)...] != losses[1][(half + 1)...])
  }

  @Test func maxStepsStopsAndSaves() throws {
    var config = TrainingFixture.config(directory)
    config.maxSteps = 5
    try TrainingFixture.run(config, runDirectory: runPath, ranks: 2)
    #expect(try lines("step").count == 5)
    #expect(try Checkpoint(path: runPath + "/checkpoints/last.safetensors").progress?.step == 5)
  }

  /// A learning rate that blows everything up: every rank skips the steps, the run goes back as often as it may, and ends with a
  /// word. What it saves is finite: at the higher rate the parameters themselves are not, and what was saved first stays.
  @Test(arguments: [1, 3], [3e37, 1e38])
  func divergenceEndsTheRunOnAllRanks(ranks: Int, lr: Double) throws {
    var config = TrainingFixture.config(directory, cell: "rnn")
    config.phases = [Phase(epochs: 5, lr: lr)]
    config.maxSkipped = 4
    config.maxRewinds = lr < 1e38 ? 0 : 3
    config.runDir = runPath
    let messages = try ThreadWorld.run(size: ranks) { [config] world -> String in
      do {
        try TrainingRun(
          RunStart(config), world, SilentObserver(), TrainingFixture.silentLogger
        ).run()
        return "no failure"
      } catch let failure as AgreedFailure {
        return failure.cause.map { "\($0)" } ?? ""
      }
    }
    #expect(messages[0].contains("4 steps in a row"), "\(messages)")
    #expect(messages[0].contains("after going back 3 times") == (lr == 1e38), "\(messages)")
    #expect(messages.dropFirst().allSatisfy { $0 == "" }, "\(messages)")
    let steps = try lines("step")
    #expect(steps.suffix(4).allSatisfy { $0["skipped"] as? Bool == true })
    let last = runPath + "/checkpoints/last.safetensors"
    #expect(messages[0].contains("last good state is in '\(last)'"), "\(messages)")
    #expect(try Checkpoint(path: last).loadParameters().values.allSatisfy { $0.isFinite })
    #expect(try lines("rewind").count == config.maxRewinds)
  }

  /// Epochs shorter than the steps it takes to give up: what is not finite must never replace what is.
  @Test func whatIsNotFiniteIsNeverSaved() throws {
    var config = TrainingFixture.config(directory, cell: "rnn")
    config.train = directory.write("tiny.txt", String(repeating: "abcdefgh", count: 15))
    config.bs = 4
    config.phases = [Phase(epochs: 1, lr: 0.01), Phase(epochs: 30, lr: 1e38, adam: .fresh)]
    config.checkpointEvery = .steps(2)
    config.maxRewinds = 0
    #expect(throws: AgreedFailure.self) { try TrainingFixture.run(config, runDirectory: runPath, ranks: 2) }
    #expect(try lines("epoch").count > 2)
    #expect(try lines("epoch").last?["validLoss"] == nil)
    for name in try FileManager.default.contentsOfDirectory(atPath: runPath + "/checkpoints") {
      #expect(throws: Never.self, "\(name)") {
        try Checkpoint(path: runPath + "/checkpoints/" + name).loadParameters()
      }
    }
    #expect(try Checkpoint(path: runPath + "/checkpoints/last.safetensors").progress?.epoch == 1)
  }

  @Test func withoutValidationAllTheTextTrains() throws {
    let config = TrainingFixture.config(directory)
    let world = ThreadWorld.single()
    let some = try SharedText(config, world).root!
    var without = config
    without.validate = .none
    let all = try SharedText(without, world).root!
    #expect(all.train.count == some.train.count + some.valid.count && all.valid.count == 0)
  }

  @Test func theEntropyIsShownForTheCorpusAsItIs() {
    var config = TrainingConfig()
    #expect(config.entropyRate == BuiltInCorpus.grammar.entropyRate)
    config.newlines = .strip
    #expect(config.entropyRate == nil)
  }

  @Test func whatNoMachineCanHoldIsRefused() throws {
    var config = TrainingFixture.config(directory)
    config.hidden = 65_536
    config.layers = 255
    #expect {
      try TrainingFixture.run(config, runDirectory: runPath, ranks: 3)
    } throws: { error in
      (error as? AgreedFailure)?.cause is MemoryError
    }
    #expect(!FileManager.default.fileExists(atPath: runPath))
  }

  @Test func aDirectoryWithARunIsLeftAlone() throws {
    var config = TrainingFixture.config(directory)
    config.maxSteps = 2
    try TrainingFixture.run(config, runDirectory: runPath)
    let before = FileManager.default.contents(atPath: runPath + "/metrics.jsonl")
    #expect(throws: AgreedFailure.self) { try TrainingFixture.run(config, runDirectory: runPath, ranks: 2) }
    #expect(FileManager.default.contents(atPath: runPath + "/metrics.jsonl") == before)
  }

  @Test func badInputEndsAllRanksAlike() throws {
    var config = TrainingFixture.config(directory)
    config.train = directory.write("short", "ab")
    config.runDir = runPath
    let outcomes = try ThreadWorld.run(size: 3) { [config] world -> String in
      do {
        _ = try TrainingRun(
          RunStart(config), world, SilentObserver(), TrainingFixture.silentLogger)
        return "no failure"
      } catch let failure as AgreedFailure {
        return failure.cause.map { "\($0)" } ?? "agreed"
      }
    }
    #expect(outcomes[0].contains("too short"))
    #expect(outcomes.dropFirst().allSatisfy { $0 == "agreed" }, "\(outcomes)")
    #expect(!FileManager.default.fileExists(atPath: runPath), "a failed run left a directory")
  }
}

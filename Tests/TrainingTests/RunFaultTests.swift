import Foundation
import Ranks
import TestSupport
import Testing
import Training

/// What a run does when it is asked to stop, when its numbers go wrong, and when its storage does.
@Suite struct RunFaultTests {
  private let directory = TemporaryDirectory()

  private func config(_ name: String) -> TrainingConfig {
    var config = TrainingFixture.config(directory)
    config.dropout = 0.3
    config.bpttJitter = true
    config.phases = [Phase(epochs: 3, lr: 0.01)]
    config.runDir = directory.path(name)
    return config
  }

  private func lines(_ kind: String, _ config: TrainingConfig) throws -> [[String: Any]] {
    let text = try String(contentsOfFile: config.runDir! + "/metrics.jsonl", encoding: .utf8)
    return try text.split(separator: "\n").compactMap { line in
      let object = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
      return object?["kind"] as? String == kind ? object : nil
    }
  }

  private func last(_ config: TrainingConfig) throws -> Checkpoint {
    try Checkpoint(path: config.runDir! + "/checkpoints/last.safetensors")
  }

  /// Of all tensors' bytes.
  private func checksum(_ config: TrainingConfig) throws -> String { try #require(try last(config).checksum) }

  /// Runs, or goes on with, the run on `ranks` ranks.
  private func run(
    _ config: TrainingConfig, ranks: Int = 2, resumes: Bool = false,
    observer: @escaping @Sendable () -> any RunObserver = { SilentObserver() },
    inspectors: @escaping @Sendable () -> [any StepInspector] = { [] },
    requests: @escaping @Sendable (_ rank: Int) -> RunRequests = { _ in [] }
  ) throws -> TrainingRun.Ending {
    try ThreadWorld.run(size: ranks) { world in
      let logger = TrainingFixture.silentLogger
      let start = resumes ? try RunStart(resuming: config.runDir!, world, logger) { _ in } : RunStart(config)
      return try TrainingRun(
        start, world, observer(), logger, inspectors: inspectors(), requests: { requests(world.rank) }
      ).run()
    }[0]
  }

  // MARK: Requests

  /// Whichever rank is asked, all stop after the same step, and what follows is what would have followed.
  @Test(arguments: [1, 2, 4])
  func aRequestToStopReachesAllRanks(ranks: Int) throws {
    let whole = config("whole")
    #expect(try run(whole) == .finished)
    let stopped = config("stopped")
    let calls = Counter()
    let ending = try run(
      stopped, ranks: ranks,
      requests: { rank in
        rank == ranks - 1 && calls.next() >= 20 ? .stop : []
      })
    #expect(ending == .request)
    #expect(try last(stopped).progress?.step == 20)
    #expect(try lines("epoch", stopped).isEmpty)
    #expect(try run(stopped, ranks: 8, resumes: true) == .finished)
    #expect(try checksum(stopped) == checksum(whole))
    #expect(try last(stopped).progress?.restarts == 1)
  }

  /// The ranks give up their validation; the run that goes on, in whose validation other ranks take part, makes up for it.
  @Test(arguments: [(ValidationMode.rank0, 0), (.all, 0), (.all, 1)])
  func aRequestInterruptsValidation(mode: ValidationMode, asker: Int) throws {
    // So long that ranks ask each other while they validate.
    let text = directory.write("valid.txt", String(repeating: TrainingFixture.text, count: 6))
    func config(_ name: String) -> TrainingConfig {
      var config = self.config(name)
      config.valid = text
      return config
    }
    let whole = config("whole")
    #expect(try run(whole) == .finished)
    var stopped = config("stopped")
    stopped.validate = mode
    let validations = ValidationNoter()
    let ending = try run(
      stopped, observer: { validations },
      requests: { rank in
        rank == asker && validations.count == 2 ? .stop : []
      })
    #expect(ending == .request)
    #expect(try lines("epoch", stopped).count == 1)
    let progress = try #require(try last(stopped).progress)
    #expect(progress.epoch == 2 && progress.epochToValidate == 2)
    #expect(try run(stopped, ranks: 4, resumes: true) == .finished)
    #expect(try lines("epoch", stopped).map { $0["epoch"] as? Int } == [1, 2, 3])
    #expect(
      try lines("epoch", stopped).map { $0["validLoss"] as? Double }
        == lines("epoch", whole).map { $0["validLoss"] as? Double })
    #expect(try checksum(stopped) == checksum(whole))
  }

  @Test func aRequestToSaveWritesACheckpoint() throws {
    var config = config("run")
    config.maxSteps = 20
    let calls = Counter()
    #expect(
      try run(config, requests: { rank in rank == 1 && calls.next() == 7 ? .save : [] }) == .maximumSteps)
    #expect(FileManager.default.fileExists(atPath: config.runDir! + "/checkpoints/step-7.safetensors"))
    let saved = try lines("checkpoint", config).first { $0["step"] as? Int == 7 }
    #expect(saved?["names"] as? [String] == ["step-7", "last"])
  }

  @Test func minutesAreCountedOnTheClock() throws {
    var config = config("run")
    config.maxSteps = 5
    config.checkpointEvery = .minutes(1e-9)
    _ = try run(config)
    #expect(try lines("checkpoint", config).prefix(6).map { $0["step"] as? Int } == Array(0...5))
  }

  // MARK: Numbers

  /// Numbers that go wrong for a while: back to the last checkpoint, at half the rate, and on to the end.
  @Test(arguments: [1, 3], [1, 10])
  func aRunGoesBackAndGoesOn(ranks: Int, checkpointEvery: Int) throws {
    var config = config("run")
    config.checkpointEvery = .steps(checkpointEvery)
    config.maxSkipped = 3
    let ending = try run(config, ranks: ranks, inspectors: { [Poison(fromStep: 25)] })
    #expect(ending == .finished)
    let progress = try #require(try last(config).progress)
    #expect(progress.rewinds == 1 && progress.rateFactor == 0.5 && progress.skippedBeforeRewinds == 3)
    let rewind = try #require(try lines("rewind", config).first)
    // Not to where it had gone wrong already.
    let good = checkpointEvery == 1 ? 25 : 20
    #expect(rewind["step"] as? Int == good && rewind["fromStep"] as? Int == 28)
    let steps = try lines("step", config)
    #expect(steps.map { $0["step"] as? Int } == Array(1...steps.count))
    #expect(
      steps[good - 1]["learningRate"] as? Double == 0.01 && steps[good]["learningRate"] as? Double == 0.005)
    #expect(steps.allSatisfy { $0["skipped"] as? Bool == false })
  }

  /// Where the last checkpoint is of no use itself, the one before is taken; and a run that goes on later takes neither up again.
  @Test func aRunGoesBackFurther() throws {
    var config = config("run")
    config.checkpointEvery = .steps(10)
    config.maxSkipped = 3
    let poison: @Sendable () -> [any StepInspector] = { [Poison(fromStep: 20, rewinds: 2)] }
    config.maxSteps = 31
    #expect(try run(config, inspectors: poison) == .maximumSteps)
    #expect(try lines("rewind", config).compactMap { $0["step"] as? Int } == [10])
    let progress = try #require(try last(config).progress)
    #expect(progress.rewinds == 2 && progress.rateFactor == 0.25 && progress.skippedBeforeRewinds == 6)
    let steps = try lines("step", config)
    #expect(steps.map { $0["step"] as? Int } == Array(1...31))
  }

  /// Where there is no good one, that is said, and what was saved before stays.
  @Test func aRunThatStaysBadEnds() throws {
    var config = config("run")
    config.checkpointEvery = .steps(10)
    config.maxSkipped = 3
    #expect {
      _ = try run(config, inspectors: { [Poison(fromStep: 15, rewinds: .max)] })
    } throws: { error in
      guard let cause = (error as? AgreedFailure)?.cause as? TrainingRun.Diverged else { return false }
      return cause.checkpoint?.hasSuffix("last.safetensors") == true
    }
    #expect(try last(config).progress?.step ?? .max <= 10)
  }

  // MARK: Storage

  /// Numbers that a step has made wrong with a loss and a gradient that were not: what cannot be gone on with is not called saved.
  @Test(arguments: [1, 3]) func parametersThatAreNoNumbersAreNotSaved(ranks: Int) throws {
    var config = config("run")
    config.phases = [Phase(epochs: 3, lr: 1e39)]
    config.maxSteps = 1
    #expect {
      _ = try run(config, ranks: ranks)
    } throws: { error in
      let cause = (error as? AgreedFailure)?.cause as? TrainingRun.Diverged
      return cause?.checkpoint?.hasSuffix("last.safetensors") == true
    }
    #expect(try last(config).progress?.step == 0)
    #expect(try lines("end", config).map { $0["ending"] as? String } == ["diverged"])
  }

  /// The directory goes away in mid-run: training goes on, and the next checkpoint makes it again.
  @Test func theRunOutlivesItsCheckpointDirectory() throws {
    let whole = config("whole")
    #expect(try run(whole) == .finished)
    var config = config("run")
    config.checkpointEvery = .steps(5)
    let path = config.runDir! + "/checkpoints"
    let found = Refusals()
    let ending = try run(
      config,
      observer: {
        EpochNoter { epoch in
          if epoch == 2 { try? FileManager.default.moveItem(atPath: path, toPath: path + "-away") }
          if epoch == 3, FileManager.default.fileExists(atPath: path + "/last.safetensors") {
            found.add("last")
          }
        }
      })
    #expect(ending == .finished)
    #expect(found.all == ["last"])
    #expect(try checksum(config) == checksum(whole))
  }

  /// A link that somebody puts in the place of the directory while the run goes on could lead anywhere.
  @Test func aLinkInMidRunIsNotFollowed() throws {
    let config = config("run")
    let path = config.runDir! + "/checkpoints"
    let outside = directory.path("outside")
    try FileManager.default.createDirectory(atPath: outside, withIntermediateDirectories: false)
    #expect {
      _ = try run(
        config,
        observer: {
          EpochNoter { epoch in
            guard epoch == 1 else { return }
            try? FileManager.default.moveItem(atPath: path, toPath: path + "-away")
            try? FileManager.default.createSymbolicLink(atPath: path, withDestinationPath: outside)
          }
        })
    } throws: { (($0 as? AgreedFailure)?.cause as? FinalSaveFailed) != nil }
    #expect(try FileManager.default.contentsOfDirectory(atPath: outside) == [])
    #expect(try lines("checkpoint", config).contains { ($0["failure"] as? String)?.contains(path) == true })
  }

  /// Of two that would go on, one reads what the other has written by then.
  @Test func theCheckpointIsChosenUnderTheLock() throws {
    var config = config("run")
    config.maxSteps = 5
    _ = try run(config)
    let path = config.runDir!
    _ = try ThreadWorld.run(size: 1) { world in
      let first = try RunStart(resuming: path, world, TrainingFixture.silentLogger) { $0.maxSteps = 30 }
      #expect {
        _ = try RunStart(resuming: path, world, TrainingFixture.silentLogger) { $0.maxSteps = 9 }
      } throws: { (($0 as? AgreedFailure)?.cause as? RunInUse) != nil }
      try TrainingRun(first, world, SilentObserver(), TrainingFixture.silentLogger).run()
    }
    #expect(try last(config).progress?.step == 30)
  }

  /// The whole directory goes away: what the end makes can be gone on with.
  @Test func theRunOutlivesItsDirectory() throws {
    let whole = config("whole")
    #expect(try run(whole) == .finished)
    let config = config("run")
    let path = config.runDir!
    let calls = Counter()
    let ending = try run(
      config, ranks: 1,
      observer: {
        EpochNoter { if $0 == 1 { try? FileManager.default.moveItem(atPath: path, toPath: path + "-away") } }
      }, requests: { _ in calls.next() == 60 ? .stop : [] })
    #expect(ending == .request)
    #expect(try run(config, resumes: true) == .finished)
    #expect(try checksum(config) == checksum(whole))
  }

  @Test func aFinalSaveThatFailsIsAnError() throws {
    let config = config("run")
    let path = config.runDir! + "/checkpoints"
    @Sendable func spoil(_ epoch: Int) {
      guard epoch == 3 else { return }
      try? FileManager.default.moveItem(atPath: path, toPath: path + "-away")
      _ = FileManager.default.createFile(atPath: path, contents: Data())
    }
    #expect {
      _ = try run(config, observer: { EpochNoter(spoil) })
    } throws: { error in
      guard let cause = (error as? AgreedFailure)?.cause as? FinalSaveFailed else { return false }
      return "\(cause)".contains(path) && "\(cause)".contains("could not be written")
    }
    let before = try Checkpoint(path: path + "-away/last.safetensors")
    // The one of the second epoch, or the first where that was still being written.
    #expect([1, 2].contains(before.progress?.epoch))
  }

  /// Two processes would write the same files.
  @Test func aRunThatGoesOnIsNotResumed() throws {
    let config = config("run")
    let refusals = Refusals()
    _ = try run(
      config,
      observer: {
        EpochNoter { _ in
          do { _ = try run(config, ranks: 1, resumes: true) } catch {
            refusals.add("\((error as? AgreedFailure)?.cause ?? error)")
          }
        }
      })
    #expect(
      refusals.all.count == 3 && refusals.all.allSatisfy { $0.contains("one that has ended") },
      "\(refusals.all)")
  }

  /// A link in the place of a file that the run writes could lead anywhere.
  @Test(arguments: ["metrics.jsonl", "samples.txt", "checkpoints", "config.json"])
  func linksOutOfTheRunDirectoryAreNotFollowed(name: String) throws {
    var config = config("run")
    config.maxSteps = 5
    _ = try run(config)
    let path = config.runDir! + "/" + name
    let outside = directory.path("outside")
    try FileManager.default.moveItem(atPath: path, toPath: outside)
    try FileManager.default.createSymbolicLink(atPath: path, withDestinationPath: outside)
    func contents() -> [String: Data?] {
      guard name == "checkpoints" else { return ["": FileManager.default.contents(atPath: outside)] }
      let names = (try? FileManager.default.contentsOfDirectory(atPath: outside)) ?? []
      return Dictionary(
        uniqueKeysWithValues: names.map { ($0, FileManager.default.contents(atPath: outside + "/" + $0)) })
    }
    let before = contents()
    _ = try? run(config, resumes: true)
    #expect(contents() == before)
  }

  @Test func whatDeadWritersLeftIsRemoved() throws {
    var config = config("run")
    config.maxSteps = 5
    _ = try run(config)
    let left = config.runDir! + "/checkpoints/.last.safetensors.tmp-12ab"
    _ = FileManager.default.createFile(atPath: left, contents: Data(count: 100))
    _ = try run(config, resumes: true)
    #expect(!FileManager.default.fileExists(atPath: left))
    let names = try FileManager.default.contentsOfDirectory(atPath: config.runDir! + "/checkpoints")
    #expect(names.allSatisfy { !$0.hasPrefix(".") }, "\(names)")
  }
}

/// Counts its calls, from 1.
private final class Counter: @unchecked Sendable {
  private let lock = NSLock()
  private var count = 0

  var value: Int { lock.withLock { count } }

  func next() -> Int {
    lock.withLock {
      count += 1
      return count
    }
  }
}

private final class Refusals: @unchecked Sendable {
  private(set) var all: [String] = []

  func add(_ text: String) { all.append(text) }
}

/// Knows how many validations have begun.
private final class ValidationNoter: SilentObserver, @unchecked Sendable {
  private let counter = Counter()

  var count: Int { counter.value }

  override func validationAdvanced(fraction: Double, of characters: Int) {
    if fraction == 0 { _ = counter.next() }
  }
}

/// Does something at the end of each epoch.
private final class EpochNoter: SilentObserver {
  private let body: (Int) -> Void

  init(_ body: @escaping (Int) -> Void) { self.body = body }

  override func epochEnded(_ metrics: EpochMetrics, isBest: Bool) { body(metrics.epoch) }
}

/// Makes the hidden state no number at every step from one on, until the run has gone back so often.
private final class Poison: StepInspector {
  private let fromStep: Int
  private let rewinds: Int

  init(fromStep: Int, rewinds: Int = 1) {
    self.fromStep = fromStep
    self.rewinds = rewinds
  }

  func stepBegins(_ trainer: Trainer) {
    guard trainer.progress.rewinds < rewinds, trainer.progress.step >= fromStep else { return }
    trainer.state.h[0] = .nan
  }
}

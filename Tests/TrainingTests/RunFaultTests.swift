import Foundation
import Ranks
import TestSupport
import Testing
import Training

/// What a run does when it is asked to stop, and when its numbers go wrong.
@Suite struct RunFaultTests {
  private let runs = FaultyRuns()

  // MARK: Requests

  /// Whichever rank is asked, all stop after the same step, and what follows is what would have followed.
  @Test(arguments: [1, 2, 4])
  func aRequestToStopReachesAllRanks(ranks: Int) throws {
    let whole = runs.config("whole")
    #expect(try runs.run(whole) == .finished)
    let stopped = runs.config("stopped")
    let calls = Counter()
    let ending = try runs.run(
      stopped, ranks: ranks,
      requests: { rank in
        rank == ranks - 1 && calls.next() >= 20 ? .stop : []
      })
    #expect(ending == .request)
    #expect(try runs.last(stopped).progress?.step == 20)
    #expect(try runs.lines("epoch", stopped).isEmpty)
    #expect(try runs.run(stopped, ranks: 8, resumes: true) == .finished)
    #expect(try runs.checksum(stopped) == runs.checksum(whole))
    #expect(try runs.last(stopped).progress?.restarts == 1)
  }

  /// The ranks give up their validation; the run that goes on, in whose validation other ranks take part, makes up for it.
  @Test(arguments: [(ValidationMode.rank0, 0), (.all, 0), (.all, 1)])
  func aRequestInterruptsValidation(mode: ValidationMode, asker: Int) throws {
    // So long that ranks ask each other while they validate.
    let text = runs.directory.write("valid.txt", String(repeating: TrainingFixture.text, count: 6))
    func config(_ name: String) -> TrainingConfig {
      var config = runs.config(name)
      config.valid = text
      return config
    }
    let whole = config("whole")
    #expect(try runs.run(whole) == .finished)
    var stopped = config("stopped")
    stopped.validate = mode
    let validations = ValidationNoter()
    let ending = try runs.run(
      stopped, observer: { validations },
      requests: { rank in
        rank == asker && validations.count == 2 ? .stop : []
      })
    #expect(ending == .request)
    #expect(try runs.lines("epoch", stopped).count == 1)
    let progress = try #require(try runs.last(stopped).progress)
    #expect(progress.epoch == 2 && progress.epochToValidate == 2)
    #expect(try runs.run(stopped, ranks: 4, resumes: true) == .finished)
    #expect(try runs.lines("epoch", stopped).map { $0["epoch"] as? Int } == [1, 2, 3])
    #expect(
      try runs.lines("epoch", stopped).map { $0["validLoss"] as? Double }
        == runs.lines("epoch", whole).map { $0["validLoss"] as? Double })
    #expect(try runs.checksum(stopped) == runs.checksum(whole))
  }

  @Test func aRequestToSaveWritesACheckpoint() throws {
    var config = runs.config("run")
    config.maxSteps = 20
    let calls = Counter()
    #expect(
      try runs.run(config, requests: { rank in rank == 1 && calls.next() == 7 ? .save : [] }) == .maximumSteps
    )
    #expect(FileManager.default.fileExists(atPath: config.runDir! + "/checkpoints/step-7.safetensors"))
    let saved = try runs.lines("checkpoint", config).first { $0["step"] as? Int == 7 }
    #expect(saved?["names"] as? [String] == ["step-7", "last"])
  }

  @Test func minutesAreCountedOnTheClock() throws {
    var config = runs.config("run")
    config.maxSteps = 5
    config.checkpointEvery = .minutes(1e-9)
    _ = try runs.run(config)
    #expect(try runs.lines("checkpoint", config).prefix(6).map { $0["step"] as? Int } == Array(0...5))
  }

  // MARK: Numbers

  /// Numbers that go wrong for a while: back to the last checkpoint, at half the rate, and on to the end.
  @Test(arguments: [1, 3], [1, 10])
  func aRunGoesBackAndGoesOn(ranks: Int, checkpointEvery: Int) throws {
    var config = runs.config("run")
    config.checkpointEvery = .steps(checkpointEvery)
    config.maxSkipped = 3
    let ending = try runs.run(config, ranks: ranks, inspectors: { [Poison(fromStep: 25)] })
    #expect(ending == .finished)
    let progress = try #require(try runs.last(config).progress)
    #expect(progress.rewinds == 1 && progress.rateFactor == 0.5 && progress.skippedBeforeRewinds == 3)
    let rewind = try #require(try runs.lines("rewind", config).first)
    // Not to where it had gone wrong already.
    let good = checkpointEvery == 1 ? 25 : 20
    #expect(rewind["step"] as? Int == good && rewind["fromStep"] as? Int == 28)
    let steps = try runs.lines("step", config)
    #expect(steps.map { $0["step"] as? Int } == Array(1...steps.count))
    #expect(
      steps[good - 1]["learningRate"] as? Double == 0.01 && steps[good]["learningRate"] as? Double == 0.005)
    #expect(steps.allSatisfy { $0["skipped"] as? Bool == false })
  }

  /// Where the last checkpoint is of no use itself, the one before is taken; and a run that goes on later takes neither up again.
  @Test func aRunGoesBackFurther() throws {
    var config = runs.config("run")
    config.checkpointEvery = .steps(10)
    config.maxSkipped = 3
    let poison: @Sendable () -> [any StepInspector] = { [Poison(fromStep: 20, rewinds: 2)] }
    config.maxSteps = 31
    #expect(try runs.run(config, inspectors: poison) == .maximumSteps)
    #expect(try runs.lines("rewind", config).compactMap { $0["step"] as? Int } == [10])
    let progress = try #require(try runs.last(config).progress)
    #expect(progress.rewinds == 2 && progress.rateFactor == 0.25 && progress.skippedBeforeRewinds == 6)
    let steps = try runs.lines("step", config)
    #expect(steps.map { $0["step"] as? Int } == Array(1...31))
  }

  /// Where there is no good one, that is said, and what was saved before stays.
  @Test func aRunThatStaysBadEnds() throws {
    var config = runs.config("run")
    config.checkpointEvery = .steps(10)
    config.maxSkipped = 3
    #expect {
      _ = try runs.run(config, inspectors: { [Poison(fromStep: 15, rewinds: .max)] })
    } throws: { error in
      guard let cause = (error as? AgreedFailure)?.cause as? TrainingRun.Diverged else { return false }
      return cause.checkpoint?.hasSuffix("last.safetensors") == true
    }
    #expect(try runs.last(config).progress?.step ?? .max <= 10)
  }

  /// Numbers that a step has made wrong with a loss and a gradient that were not: what cannot be gone on with is not called saved.
  @Test(arguments: [1, 3]) func parametersThatAreNoNumbersAreNotSaved(ranks: Int) throws {
    var config = runs.config("run")
    config.phases = [Phase(epochs: 3, lr: 1e39)]
    config.maxSteps = 1
    #expect {
      _ = try runs.run(config, ranks: ranks)
    } throws: { error in
      let cause = (error as? AgreedFailure)?.cause as? TrainingRun.Diverged
      return cause?.checkpoint?.hasSuffix("last.safetensors") == true
    }
    #expect(try runs.last(config).progress?.step == 0)
    #expect(try runs.lines("end", config).map { $0["ending"] as? String } == ["diverged"])
  }
}

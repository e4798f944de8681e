import Foundation
import Ranks
import TestSupport
import Testing
import Training

/// What a run does when its storage goes wrong, or is not its own.
@Suite struct RunStorageTests {
  private let runs = FaultyRuns()

  /// The directory goes away in mid-run: training goes on, and the next checkpoint makes it again.
  @Test func theRunOutlivesItsCheckpointDirectory() throws {
    let whole = runs.config("whole")
    #expect(try runs.run(whole) == .finished)
    var config = runs.config("run")
    config.checkpointEvery = .steps(5)
    let path = config.runDir! + "/checkpoints"
    let found = Refusals()
    let ending = try runs.run(
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
    #expect(try runs.checksum(config) == runs.checksum(whole))
  }

  /// A link that somebody puts in the place of the directory while the run goes on could lead anywhere.
  @Test func aLinkInMidRunIsNotFollowed() throws {
    let config = runs.config("run")
    let path = config.runDir! + "/checkpoints"
    let outside = runs.directory.path("outside")
    try FileManager.default.createDirectory(atPath: outside, withIntermediateDirectories: false)
    #expect {
      _ = try runs.run(
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
    #expect(
      try runs.lines("checkpoint", config).contains { ($0["failure"] as? String)?.contains(path) == true })
  }

  /// Of two that would go on, one reads what the other has written by then.
  @Test func theCheckpointIsChosenUnderTheLock() throws {
    var config = runs.config("run")
    config.maxSteps = 5
    _ = try runs.run(config)
    let path = config.runDir!
    _ = try ThreadWorld.run(size: 1) { world in
      let first = try RunStart(resuming: path, world, TrainingFixture.silentLogger) { $0.maxSteps = 30 }
      #expect {
        _ = try RunStart(resuming: path, world, TrainingFixture.silentLogger) { $0.maxSteps = 9 }
      } throws: { (($0 as? AgreedFailure)?.cause as? RunInUse) != nil }
      try TrainingRun(first, world, SilentObserver(), TrainingFixture.silentLogger).run()
    }
    #expect(try runs.last(config).progress?.step == 30)
  }

  /// The whole directory goes away: what the end makes can be gone on with.
  @Test func theRunOutlivesItsDirectory() throws {
    let whole = runs.config("whole")
    #expect(try runs.run(whole) == .finished)
    let config = runs.config("run")
    let path = config.runDir!
    let calls = Counter()
    let ending = try runs.run(
      config, ranks: 1,
      observer: {
        EpochNoter { if $0 == 1 { try? FileManager.default.moveItem(atPath: path, toPath: path + "-away") } }
      }, requests: { _ in calls.next() == 60 ? .stop : [] })
    #expect(ending == .request)
    #expect(try runs.run(config, resumes: true) == .finished)
    #expect(try runs.checksum(config) == runs.checksum(whole))
  }

  @Test func aFinalSaveThatFailsIsAnError() throws {
    let config = runs.config("run")
    let path = config.runDir! + "/checkpoints"
    @Sendable func spoil(_ epoch: Int) {
      guard epoch == 3 else { return }
      try? FileManager.default.moveItem(atPath: path, toPath: path + "-away")
      _ = FileManager.default.createFile(atPath: path, contents: Data())
    }
    #expect {
      _ = try runs.run(config, observer: { EpochNoter(spoil) })
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
    let config = runs.config("run")
    let refusals = Refusals()
    _ = try runs.run(
      config,
      observer: {
        EpochNoter { _ in
          do { _ = try runs.run(config, ranks: 1, resumes: true) } catch {
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
    var config = runs.config("run")
    config.maxSteps = 5
    _ = try runs.run(config)
    let path = config.runDir! + "/" + name
    let outside = runs.directory.path("outside")
    try FileManager.default.moveItem(atPath: path, toPath: outside)
    try FileManager.default.createSymbolicLink(atPath: path, withDestinationPath: outside)
    func contents() -> [String: Data?] {
      guard name == "checkpoints" else { return ["": FileManager.default.contents(atPath: outside)] }
      let names = (try? FileManager.default.contentsOfDirectory(atPath: outside)) ?? []
      return Dictionary(
        uniqueKeysWithValues: names.map { ($0, FileManager.default.contents(atPath: outside + "/" + $0)) })
    }
    let before = contents()
    _ = try? runs.run(config, resumes: true)
    #expect(contents() == before)
  }

  @Test func whatDeadWritersLeftIsRemoved() throws {
    var config = runs.config("run")
    config.maxSteps = 5
    _ = try runs.run(config)
    let left = config.runDir! + "/checkpoints/.last.safetensors.tmp-12ab"
    _ = FileManager.default.createFile(atPath: left, contents: Data(count: 100))
    _ = try runs.run(config, resumes: true)
    #expect(!FileManager.default.fileExists(atPath: left))
    let names = try FileManager.default.contentsOfDirectory(atPath: config.runDir! + "/checkpoints")
    #expect(names.allSatisfy { !$0.hasPrefix(".") }, "\(names)")
  }
}

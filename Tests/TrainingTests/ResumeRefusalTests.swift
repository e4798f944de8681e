import Foundation
import Kernels
import Ranks
import SafeTensors
import TestSupport
import Testing
import Training

/// With what options and files a run goes on, and with what it does not.
@Suite struct ResumeRefusalTests {
  private let runs = ResumableRuns()

  /// What is over is as it was; a single phase is compared as it was said.
  @Test func phasesThatAreOverCannotChange() throws {
    var config = runs.config("run")
    config.phases = [Phase(epochs: 1, lr: 0.01), Phase(epochs: 3, lr: 0.02)]
    config.maxSteps = 60
    try TrainingFixture.run(config, runDirectory: config.runDir!)
    try #require(try Checkpoint(path: config.runDir! + "/checkpoints/last.safetensors").progress?.phase == 1)
    #expect(runs.refusal("run", ranks: 1) { $0.phases[0].epochs = 2 }.contains("--phase"))
    #expect(runs.refusal("run", ranks: 1) { $0.phases[1].epochs = 4 } == "none")
    config.phases = [Phase(epochs: 2, lr: 0.01)]
    config.maxSteps = 3
    config.runDir = runs.directory.path("short")
    try TrainingFixture.run(config, runDirectory: config.runDir!)
    let short = runs.refusal("short", ranks: 1) { $0.phases[0].lr = 3 }
    #expect(short.contains("--lr: expected 0.01, found 3") && !short.contains("--phase"), "\(short)")
  }

  @Test func aTextThatWasMovedIsTheSame() throws {
    var config = runs.config("run")
    config.maxSteps = 5
    try TrainingFixture.run(config, runDirectory: config.runDir!)
    let moved = runs.directory.path("moved.txt")
    try FileManager.default.moveItem(atPath: config.train!, toPath: moved)
    try runs.resume("run", ranks: 1) {
      $0.train = moved
      $0.maxSteps = 7
    }
    #expect(try Checkpoint(path: config.runDir! + "/checkpoints/last.safetensors").progress?.step == 7)
  }

  /// A file made by hand may say anything of its progress: it must be refused, not believed.
  @Test(arguments: [
    ("\"phase\":0", "\"phase\":7"), ("\"cursor\":", "\"cursor\":99999"), ("\"step\":", "\"step\":-1"),
    ("\"secondsInEpoch\":", "\"secondsInEpoch\":-1.7e308,\"x\":"),
    ("\"average\":", "\"average\":1.7e308,\"x\":"),
    ("\"epochInPhase\":0", "\"epochInPhase\":50"), ("\"bs\":10", "\"bs\":0"),
  ])
  func whatCannotBeIsRefused(old: String, new: String) throws {
    var config = runs.config("run")
    config.maxSteps = 5
    try TrainingFixture.run(config, runDirectory: config.runDir!)
    let directory = config.runDir! + "/checkpoints"
    let checkpoint = try Checkpoint(path: directory + "/last.safetensors")
    let tensors = checkpoint.file.header.tensors.map { tensor -> (SafeTensorsHeader.Tensor, FloatBlock) in
      let block = FloatBlock(count: tensor.bytes.count / 4)
      try! checkpoint.file.read(tensor, into: block.buffer.elements)
      return (tensor, block)
    }
    var metadata = checkpoint.file.header.metadata
    for key in ["chartrain.progress", "chartrain.config"] {
      // Whoever makes one may compute no checksum, or a right one.
      metadata["chartrain.metadataChecksum"] = nil
      metadata[key] = metadata[key]!.replacingOccurrences(of: old, with: new)
    }
    #expect(metadata != checkpoint.file.header.metadata)
    for name in ["last", "previous", "best"] {
      try writeSafeTensors(
        to: directory + "/\(name).safetensors", metadata: metadata,
        tensors: tensors.map { .init(name: $0.name, shape: $0.shape, values: $1.buffer.elements) })
    }
    #expect(throws: AgreedFailure.self) { try runs.resume("run", ranks: 2) { $0.maxSteps = 9 } }
  }

  private final class FloatBlock {
    let buffer: FloatBuffer
    init(count: Int) { buffer = FloatBuffer(count: count) }
  }

  @Test func whatWouldChangeTheRunIsRefused() throws {
    var config = runs.config("run")
    config.maxSteps = 5
    try TrainingFixture.run(config, runDirectory: config.runDir!)
    func refusal(_ change: @escaping @Sendable (inout TrainingConfig) -> Void) -> String {
      runs.refusal("run", ranks: 2, change)
    }
    #expect(refusal { $0.weightDecay = 1 }.contains("--weight-decay"))
    #expect(refusal { $0.bs = 5 }.contains("--bs: expected 10, found 5"))
    let several = refusal {
      $0.hidden = 13
      $0.seed = 9
    }
    #expect(several.contains("--hidden: expected 12, found 13; --seed: expected 0, found 9"), "\(several)")
    #expect(refusal { $0.phases[0].lr = 7 }.contains("--phase"))
    #expect(refusal { $0.phases[2].epochs = 3 } == "none")
    #expect(refusal { $0.validate = .none }.contains("--validate"))
    #expect(refusal { $0.validate = .all } == "none")
    runs.directory.write("text.txt", TrainingFixture.text + "more")
    #expect(refusal { _ in }.contains("the text that the run was trained on"))
    for name in ["last", "previous", "best"] {
      try Data("no checkpoint".utf8).write(
        to: URL(fileURLWithPath: config.runDir! + "/checkpoints/\(name).safetensors"))
    }
    #expect(refusal { _ in }.contains("a checkpoint to resume from"))
    #expect(throws: AgreedFailure.self) { try runs.resume("nowhere", ranks: 2) { _ in } }
  }
}

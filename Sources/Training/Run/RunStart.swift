import FoundationEssentials
import Logging
import Ranks
import Storage

/// How a run begins: anew, or where an earlier one stopped.
public struct RunStart {
  public let config: TrainingConfig
  public let resumesRun: Bool
  /// Where a resumed run goes on; on rank 0 only.
  public let checkpoint: Checkpoint?

  /// A new run.
  public init(_ config: TrainingConfig) {
    self.config = config
    resumesRun = false
    checkpoint = nil
  }

  /// Goes on with the run in `directory` from its last good checkpoint, with the options it began with.
  ///
  /// - Parameter change: may change options that leave the training as it was: ``resumable``.
  /// - Throws: `AgreedFailure` on all ranks if there is none, or if `change` changes anything else; `RankError`.
  public init(
    resuming directory: String, _ world: any World, _ logger: Logger,
    _ change: (inout TrainingConfig) throws -> Void
  ) throws {
    let found = try world.onRoot {
      try RunDirectory(existing: directory).lastGoodCheckpoint(logger)
    }
    let json = try world.broadcast(Array(found?.configText?.utf8 ?? "".utf8))
    checkpoint = found
    resumesRun = true
    config = try world.onAll {
      let saved: TrainingConfig
      do {
        saved = try JSON.decode(TrainingConfig.self, from: String(decoding: json, as: UTF8.self))
      } catch let error as DecodingError {
        throw CheckpointError(path: directory, expected: "a config that can be", found: error.summary)
      }
      var config = saved
      try change(&config)
      let changed = config.differences(from: saved).filter { !Self.resumable.contains($0) }
      if let option = changed.first {
        throw OptionError(
          option: option.hyphenated, expected: "as the run to resume began", found: "another value")
      }
      config.runDir = directory
      try config.checkValues()
      return config
    }
  }

  /// The options that may change when a run goes on.
  static let resumable: Set<String> = [
    "maxSteps", "sampleLength", "checkpointEvery", "keep", "checkEvery", "threads", "quiet", "verbose",
    "runDir", "maxSkipped", "maxRewinds", "stallWarning", "stallTimeout",
  ]
}

extension String {
  /// `checkpointEvery` as `checkpoint-every`.
  var hyphenated: String {
    map { $0.isUppercase ? "-" + $0.lowercased() : String($0) }.joined()
  }
}

extension RunDirectory {
  /// The directory of an earlier run.
  ///
  /// - Throws: ``OptionError`` if there is no run in it.
  init(existing path: String) throws {
    self.path = path
    guard kind(of: config) != .nothing else {
      throw OptionError(option: "resume", expected: "the directory of a run", found: "none in '\(path)'")
    }
  }

  /// The training checkpoint of the most steps that can be read whole.
  ///
  /// - Throws: ``CheckpointError`` if there is none, `StorageError`.
  func lastGoodCheckpoint(_ logger: Logger) throws -> Checkpoint {
    var best: Checkpoint?
    for file in try filesBelow(checkpoints) where file.hasSuffix(".safetensors") {
      do {
        let checkpoint = try Checkpoint(path: file)
        guard let progress = checkpoint.progress else { continue }
        // Of two of the same step, the one written after the end of the epoch.
        if let other = best?.progress, (progress.step, progress.epoch) <= (other.step, other.epoch) {
          continue
        }
        best = checkpoint
      } catch {
        logger.warning("\(error): not used")
      }
    }
    guard let best else {
      throw CheckpointError(path: checkpoints, expected: "a checkpoint to resume from", found: "none")
    }
    return best
  }

  /// Removes from `metrics.jsonl` what was written after `progress`, and will be written again.
  ///
  /// - Throws: `StorageError`.
  func forgetMetrics(after progress: Progress) throws {
    struct Line: Decodable {
      let kind: String
      let step: Int
      let epoch: Int
    }
    var text: [UInt8] = []
    try readPieces(of: metrics) { text += $0 }
    let kept = text.split(separator: UInt8(ascii: "\n")).filter { line in
      guard let line = try? JSON.decode(Line.self, from: String(decoding: line, as: UTF8.self)) else {
        return false
      }
      return line.step <= progress.step && (line.kind == "step" || line.epoch <= progress.epoch)
    }
    try writeAtomically(to: metrics) { file in
      for line in kept { try file.write(String(decoding: line, as: UTF8.self) + "\n") }
    }
  }
}

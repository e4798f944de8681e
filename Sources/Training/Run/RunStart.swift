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
  /// Whether there is a checkpoint; a run that ended before its first one begins again.
  let hasCheckpoint: Bool
  /// The directory of the run that goes on.
  let resumedDirectory: String?
  /// Of that directory, so that what was found there stays true; on rank 0 only, and only where it can be written.
  let lock: FileLock?
  /// How many ranks it had, where that is known; on rank 0 only.
  let ranksBefore: Int?
  /// The epochs of the last phase when it was written.
  let epochsOfLastPhase: Int
  /// What was said about the run's files; on rank 0 only.
  let warnings: [String]

  /// A new run.
  public init(_ config: TrainingConfig) {
    self.config = config
    resumesRun = false
    checkpoint = nil
    hasCheckpoint = false
    resumedDirectory = nil
    lock = nil
    ranksBefore = nil
    epochsOfLastPhase = 0
    warnings = []
  }

  /// Goes on with a run from its last good checkpoint, with the options it began with.
  ///
  /// - Parameters:
  ///   - directory: the run's.
  ///   - world: all ranks of which go on together.
  ///   - logger: of this rank.
  ///   - change: may change options that leave the training as it was, the epochs of phases, and the directory in which the run goes on.
  /// - Throws: `AgreedFailure` on all ranks if there is none, or if `change` changes anything else; `RankError`.
  public init(
    resuming directory: String, _ world: any World, _ logger: Logger,
    _ change: (inout TrainingConfig) throws -> Void
  ) throws {
    var warnings: [String] = []
    func warn(_ text: String) {
      logger.warning("\(text)")
      warnings.append(text)
    }
    let found = try world.onRoot("looking for the last checkpoint") {
      () -> (lock: FileLock?, ranks: Int, checkpoint: Checkpoint?, config: String) in
      let directory = try RunDirectory(existing: directory)
      let ranks = directory.placement.count
      // Whoever writes it now may be at its checkpoints.
      let lock = directory.isWritable ? try directory.lock() : nil
      guard try !directory.checkpointFiles.isEmpty else {
        warn("no checkpoint in '\(directory.checkpoints)': the run begins again")
        return (lock, ranks, checkpoint: nil, config: try directory.configText())
      }
      let checkpoint = try directory.lastGoodCheckpoint(warn)
      return (lock, ranks, checkpoint, checkpoint.configText ?? "")
    }
    lock = found?.lock
    ranksBefore = found?.ranks == 0 ? nil : found?.ranks
    let json = try world.broadcast(Array((found?.config ?? "").utf8))
    self.warnings = warnings
    checkpoint = found?.checkpoint
    hasCheckpoint = try world.broadcast(found?.checkpoint != nil)
    let phase = try world.broadcast(found?.checkpoint?.progress?.phase ?? 0)
    resumesRun = true
    resumedDirectory = directory
    (config, epochsOfLastPhase) = try world.onAll {
      var saved: TrainingConfig
      do {
        saved = try JSON.decode(TrainingConfig.self, from: String(decoding: json, as: UTF8.self))
      } catch let error as DecodingError {
        throw CheckpointError(path: directory, expected: "a config that can be", found: error.summary)
      }
      // It may have been moved, and no file says where to write.
      saved.runDir = directory
      saved.logDir = nil
      var config = saved
      try change(&config)
      try config.checkGoesOn(from: saved, phase: phase)
      try config.checkValues()
      if world.isRoot { try config.checkTextsAreThere() }
      return (config, saved.phases.last?.epochs ?? 0)
    }
  }

  /// The options that may change when a run goes on.
  static let resumable: Set<String> = [
    "maxSteps", "sampleLength", "checkpointEvery", "keep", "checkEvery", "threads", "quiet", "verbose",
    "runDir", "logDir", "tensorboard", "histograms", "maxSkipped", "maxRewinds", "stallWarning",
    "stallTimeout",
  ]
}

/// Options with which a run cannot go on.
public struct OptionsDiffer: Error, CustomStringConvertible {
  public let options: [(name: String, expected: String, found: String)]

  public var description: String {
    options.map { "--\($0.name): expected \($0.expected), found \($0.found)" }.joined(separator: "; ")
      + ": a run goes on with the options that it began with"
  }
}

extension TrainingConfig {
  /// A run that is called to go on elsewhere finds its texts only where their paths are absolute.
  ///
  /// - Throws: ``OptionError`` where there is nothing.
  fileprivate func checkTextsAreThere() throws {
    for (option, path) in [("train", train), ("valid", valid)] {
      guard let path, !path.hasPrefix("/"), kind(of: path) == .nothing else { continue }
      throw OptionError(
        option: option, expected: "the run's text at '\(path)' from the current directory",
        found: "nothing; say where it is now")
    }
  }

  /// - Parameter phase: in which the run is, or how many phases there are where all are over.
  /// - Throws: ``OptionsDiffer`` if a run that began with the options `saved` cannot go on with these.
  fileprivate func checkGoesOn(from saved: TrainingConfig, phase: Int) throws {
    var alike = self
    // Epochs may be more or fewer, as long as they are not over.
    if phases.count == saved.phases.count {
      // A rate that depends on their number would jump.
      for index in phases.indices
      where index >= min(phase, phases.count - 1) && phases[index].schedule != .oneCycle {
        alike.phases[index].epochs = saved.phases[index].epochs
      }
    }
    // Texts may have been moved: that they are the same is checked when they are read.
    if (train == nil) == (saved.train == nil) { alike.train = saved.train }
    if (valid == nil) == (saved.valid == nil) { alike.valid = saved.valid }
    // Who validates makes no difference, as long as somebody does.
    if alike.validate != .none, saved.validate != .none { alike.validate = saved.validate }
    let names = alike.differences(from: saved).filter { !RunStart.resumable.contains($0) }
    guard !names.isEmpty else { return }
    let values = try [saved, alike].map { try JSON.decode([String: JSONValue].self, from: JSON.line($0)) }
    func options(_ names: [String]) throws -> [(name: String, expected: String, found: String)] {
      try names.map { name in
        let texts = try values.map { values -> String in
          switch values[name] ?? .null {
          case .null: "none"
          case .string(let text): text
          case let value: try JSON.line(value)
          }
        }
        return (name.hyphenated, texts[0], texts[1])
      }
    }
    // A phase that was said in short is compared as it was said.
    let short = try options(ShortPhase.keys).filter { $0.expected != $0.found }
    let isShort = names.contains("phase") && !short.isEmpty
    throw OptionsDiffer(
      options: try (isShort ? short : []) + options(names.filter { !isShort || $0 != "phase" }))
  }
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
    // Nor a pipe, on which whoever reads would wait. What checkpoints need of the config they have themselves.
    switch kind(of: config) {
    case .file: break
    case .nothing where try !checkpointFiles.isEmpty: break
    default:
      throw OptionError(option: "resume", expected: "the directory of a run", found: "none in '\(path)'")
    }
    guard kind(of: rateFinderCurve) == .nothing else {
      throw OptionError(
        option: "resume", expected: "the directory of a run", found: "that of lr-find in '\(path)'")
    }
  }

  /// `config.json`.
  ///
  /// - Throws: `StorageError`.
  func configText() throws -> String {
    String(decoding: try readWhole(config, limit: TrainingConfig.maximumFileSize), as: UTF8.self)
  }

  /// Where the ranks were when the run was last started, as `config.json` says, empty where it does not.
  var placement: [Placement] {
    struct Places: Decodable { let placement: [Placement]? }
    return (try? JSON.decode(Places.self, from: try configText()))?.placement ?? []
  }

  /// The training checkpoint of the most steps that can be read whole.
  ///
  /// - Parameters:
  ///   - warn: told of files that cannot be read.
  ///   - isWanted: leaves out others.
  /// - Throws: ``CheckpointError`` if there is none, `StorageError`, what `warn` throws.
  func lastGoodCheckpoint(_ warn: (String) throws -> Void, isWanted: (Progress) -> Bool = { _ in true })
    throws -> Checkpoint
  {
    var best: Checkpoint?
    for file in try checkpointFiles {
      do {
        let checkpoint = try Checkpoint(path: file)
        try checkpoint.checkGoesOn()
        guard let progress = checkpoint.progress, isWanted(progress) else { continue }
        // Later steps of before the run went back count less; of two of the same step, the one written last is taken: after the end of
        // the epoch, or when the run went on.
        func rank(_ progress: Progress) -> (Int, Int, Int, Int) {
          (progress.rewinds, progress.step, progress.epoch, progress.restarts)
        }
        if let other = best?.progress, rank(progress) <= rank(other) { continue }
        best = checkpoint
      } catch {
        try warn("\(error): not used")
      }
    }
    guard let best else {
      throw CheckpointError(path: checkpoints, expected: "a checkpoint to resume from", found: "none")
    }
    return best
  }
}

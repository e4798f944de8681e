import Storage

/// A run as its directory tells of it: one that has ended, or one that is still going on.
public struct PastRun: Sendable {
  public let directory: RunDirectory
  public let config: TrainingConfig
  /// Where its ranks were when it was last started.
  public let placement: [Placement]
  public private(set) var metrics: MetricsFile
  public private(set) var samples: [(epoch: Int, text: String)]

  /// - Throws: ``NoRun``, ``ConfigFileError``, ``MetricsError``, `StorageError`.
  public init(path: String) throws {
    guard case .file = kind(of: path + "/config.json"), case .file = kind(of: path + "/metrics.jsonl") else {
      throw NoRun(path: path)
    }
    directory = try RunDirectory(existing: path)
    config = try TrainingConfig(file: directory.config)
    placement = directory.placement
    metrics = try MetricsFile(directory: path)
    samples = try directory.sampledTexts()
  }

  /// Its last checkpoint, or its best where there is no last that can be read; nil where there is neither.
  public func lastCheckpoint() -> Checkpoint? {
    ["last", "best"].lazy.compactMap { try? Checkpoint(path: directory.checkpoint($0)) }.first
  }
}

extension PastRun {
  /// Whether a process writes it now.
  public var isGoingOn: Bool { directory.isInUse }

  /// What has become of a run.
  public enum State: Equatable, Sendable {
    case goingOn
    case ended(EndMetrics.Ending)
    /// Its last process has ended without saying so: it was killed, or its storage took nothing.
    case cutShort
  }

  public var state: State {
    if isGoingOn { return .goingOn }
    for record in metrics.history.reversed() {
      switch record {
      case .end(let end): return .ended(end.ending)
      case .start: return .cutShort
      case .warning: continue
      }
    }
    return .cutShort
  }

  /// Reads what has been added to its metrics and samples.
  ///
  /// - Throws: ``MetricsError``, `StorageError`.
  public mutating func update() throws {
    try metrics.update()
    samples = try directory.sampledTexts()
  }
}

/// A path at which there is no run.
public struct NoRun: Error, CustomStringConvertible {
  public let path: String

  public var description: String { "'\(path)': expected the directory of a run, found none" }
}

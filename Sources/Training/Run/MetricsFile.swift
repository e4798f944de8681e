import Storage

/// What a run wrote into `metrics.jsonl`, read back.
public struct MetricsFile: Sendable {
  public private(set) var steps: [StepMetrics] = []
  public private(set) var epochs: [EpochMetrics] = []
  public private(set) var checkpoints: [CheckpointMetrics] = []
  public private(set) var rewinds: [RewindMetrics] = []

  private let path: String
  /// What has been read of it.
  private var offset = 0
  private var lineCount = 0

  /// - Parameter directory: the run's, which may be writing it: a last line without an end is none.
  /// - Throws: ``MetricsError`` that names the line that cannot be read, `StorageError`.
  public init(directory: String) throws {
    path = directory + "/metrics.jsonl"
    try update()
  }

  /// Reads what has been added.
  ///
  /// - Throws: ``MetricsError`` that names the line that cannot be read, `StorageError`.
  public mutating func update() throws {
    let file = try InputFile(path)
    let size = try file.size()
    // A run that has gone back has taken lines away.
    if size < offset {
      (steps, epochs, checkpoints, rewinds) = ([], [], [], [])
      (offset, lineCount) = (0, 0)
    }
    let limit = physicalMemoryBytes() / 4
    guard size - offset <= limit else {
      throw MetricsError(path: path, line: lineCount + 1)
    }
    let bytes = try file.bytes(from: offset, count: size - offset)
    let newline = UInt8(ascii: "\n")
    guard let end = bytes.lastIndex(of: newline) else { return }
    for line in bytes[..<end].split(separator: newline) {
      lineCount += 1
      do { try add(String(decoding: line, as: UTF8.self)) } catch is DecodingError {
        throw MetricsError(path: path, line: lineCount)
      }
    }
    offset += end + 1
  }

  private mutating func add(_ line: String) throws {
    struct Kind: Decodable { let kind: String }
    switch try JSON.decode(Kind.self, from: line).kind {
    case "step": steps.append(try JSON.decode(StepMetrics.self, from: line))
    case "epoch": epochs.append(try JSON.decode(EpochMetrics.self, from: line))
    case "checkpoint": checkpoints.append(try JSON.decode(CheckpointMetrics.self, from: line))
    case "rewind": rewinds.append(try JSON.decode(RewindMetrics.self, from: line))
    default: break
    }
  }

  /// The training loss up to each of ``steps``, smoothed over the whole run; nil where that step had none.
  public var smoothedLosses: [Double?] {
    var smoothed = SmoothedLoss()
    return steps.map { step in
      guard let loss = step.loss else { return nil }
      smoothed.add(loss)
      return smoothed.value
    }
  }
}

/// A line of `metrics.jsonl` that is not what a run writes.
public struct MetricsError: Error, CustomStringConvertible {
  public let path: String
  public let line: Int

  public var description: String {
    "'\(path)', line \(line): expected a step or an epoch of a run, found something else"
  }
}

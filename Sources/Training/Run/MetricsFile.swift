import Storage

/// What a run wrote into `metrics.jsonl`, read back.
public struct MetricsFile: Sendable {
  public private(set) var steps: [StepMetrics] = []
  public private(set) var epochs: [EpochMetrics] = []
  public private(set) var checkpoints: [CheckpointMetrics] = []
  public private(set) var rewinds: [RewindMetrics] = []

  /// - Parameter directory: the run's, which may be writing it: a last line without an end is none.
  /// - Throws: ``MetricsError`` that names the line that cannot be read, `StorageError`.
  public init(directory: String) throws {
    let path = directory + "/metrics.jsonl"
    let bytes = try readWhole(path, limit: physicalMemoryBytes() / 4)
    let newline = UInt8(ascii: "\n")
    var lines = bytes.split(separator: newline)
    if let last = bytes.last, last != newline { lines.removeLast() }
    for (index, line) in lines.enumerated() {
      do { try add(String(decoding: line, as: UTF8.self)) } catch is DecodingError {
        throw MetricsError(path: path, line: index + 1)
      }
    }
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

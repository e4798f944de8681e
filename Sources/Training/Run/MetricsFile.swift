import Storage

/// What a run wrote into `metrics.jsonl`, read back.
public struct MetricsFile: Sendable {
  public struct Step: Decodable, Equatable, Sendable {
    public let step: Int
    public let loss: Double?
    public let learningRate: Double
  }

  public struct Epoch: Decodable, Equatable, Sendable {
    public let epoch: Int
    public let validLoss: Double?
  }

  public let steps: [Step]
  public let epochs: [Epoch]

  /// - Parameter directory: the run's.
  /// - Throws: ``MetricsError`` that names the line that cannot be read, `StorageError`.
  public init(directory: String) throws {
    struct Kind: Decodable { let kind: String }
    let path = directory + "/metrics.jsonl"
    let bytes = try readWhole(path, limit: physicalMemoryBytes() / 4)
    var steps: [Step] = []
    var epochs: [Epoch] = []
    for (index, line) in bytes.split(separator: UInt8(ascii: "\n")).enumerated() {
      let text = String(decoding: line, as: UTF8.self)
      do {
        switch try JSON.decode(Kind.self, from: text).kind {
        case "step": steps.append(try JSON.decode(Step.self, from: text))
        case "epoch": epochs.append(try JSON.decode(Epoch.self, from: text))
        default: continue
        }
      } catch { throw MetricsError(path: path, line: index + 1) }
    }
    self.steps = steps
    self.epochs = epochs
  }

  /// The training loss of every step, smoothed over the whole run.
  public var smoothedLosses: [(step: Int, loss: Double)] {
    var smoothed = SmoothedLoss()
    return steps.compactMap { step in
      guard let loss = step.loss else { return nil }
      smoothed.add(loss)
      return smoothed.value.map { (step.step, $0) }
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

import CharModel
import Storage

/// A run or model that this machine cannot hold.
public struct MemoryError: Error, CustomStringConvertible {
  public let what: String
  public let neededBytes: Double
  public let memoryBytes: Int

  public var description: String {
    func gib(_ bytes: Double) -> String {
      bytes < 0x1p60 ? "\((bytes / 0x1p30 * 10).rounded() / 10) GiB" : "over a billion GiB"
    }
    return "\(what) needs about \(gib(neededBytes)) of memory on each rank: expected at most this machine's "
      + "\(gib(Double(memoryBytes))); use a smaller --hidden, --layers, --bs or --bptt"
  }
}

extension ModelConfig {
  /// Refuses, before any of it is allocated, what cannot fit in this machine's memory.
  ///
  /// - Parameters:
  ///   - copies: how many arrays of the parameters' size there are: one to evaluate, four to train.
  ///   - streams: B, on this rank.
  ///   - length: the largest T.
  /// - Throws: ``MemoryError``.
  func requireMemory(copies: Int, streams: Int, length: Int) throws {
    let (h, g) = (Double(hidden), Double(cell.cell.gateCount))
    let inputs = Double(embedding) + h * Double(layers - 1)
    let recurrent = g * h * (inputs + h * Double(layers) + 2 * Double(layers))
    let parameters = Double(vocabulary) * Double(embedding + hidden + 1) + recurrent
    // Per unit and time step: the gates, twice at most, the states, dropout's masks and results.
    let activations = Double(layers) * h * (2 * g + 4) + 2 * Double(embedding) + 2 * h + Double(vocabulary)
    let rows = Double(streams) * Double(length + 1)
    let neededBytes = 4 * (parameters * Double(copies) + activations * rows)
    let memoryBytes = physicalMemoryBytes()
    guard neededBytes <= Double(memoryBytes) else {
      throw MemoryError(
        what: "\(cell.name) \(layers)x\(hidden) with \(streams) streams", neededBytes: neededBytes,
        memoryBytes: memoryBytes)
    }
  }
}

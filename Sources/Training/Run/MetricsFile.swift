import Storage

/// What a run wrote into `metrics.jsonl`, read back.
public struct MetricsFile: Sendable {
  public private(set) var steps: [StepMetrics] = []
  public private(set) var epochs: [EpochMetrics] = []
  public private(set) var checkpoints: [CheckpointMetrics] = []
  public private(set) var rewinds: [RewindMetrics] = []
  /// In the order in which it happened.
  public private(set) var history: [HistoryRecord] = []

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
    if case .file(let size) = kind(of: path), size < offset { forget() }
    do { try readOn() } catch let error as MetricsError {
      // Where a run has gone back, lines have been taken away that were read before.
      guard offset > 0 else { throw error }
      forget()
      try readOn()
    }
  }

  private mutating func forget() {
    (steps, epochs, checkpoints, rewinds, history) = ([], [], [], [], [])
    (offset, lineCount) = (0, 0)
  }

  private mutating func readOn() throws {
    let bytes = try readWhole(path, from: offset, limit: physicalMemoryBytes() / 4)
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
    // Most lines are: one of another kind has no such words, which would be escaped in a text.
    if line.contains(#""kind":"step""#) {
      return steps.append(try possible(JSON.decode(StepMetrics.self, from: line)))
    }
    struct Kind: Decodable { let kind: String }
    switch try JSON.decode(Kind.self, from: line).kind {
    case "step": steps.append(try possible(JSON.decode(StepMetrics.self, from: line)))
    case "epoch": epochs.append(try possible(JSON.decode(EpochMetrics.self, from: line)))
    case "checkpoint": checkpoints.append(try possible(JSON.decode(CheckpointMetrics.self, from: line)))
    case "rewind":
      let rewind = try possible(JSON.decode(RewindMetrics.self, from: line))
      // The lines of what it has gone back from are no more in the file.
      steps.removeAll { $0.step > rewind.step }
      epochs.removeAll { $0.step > rewind.step }
      rewinds.append(rewind)
    case let kind:
      if let record = try HistoryRecord(kind: kind, line: line) { history.append(record) }
    }
  }

  /// - Throws: `DecodingError` where it has numbers that no run writes, and that nobody could add up or show.
  private func possible<Record: PlacedRecord>(_ record: Record) throws -> Record {
    let counts = 0...(1 << 53)
    guard counts.contains(record.step), counts.contains(record.epoch),
      record.speed.map({ (0...1e15).contains($0) }) ?? true
    else {
      throw DecodingError.dataCorrupted(
        .init(codingPath: [], debugDescription: "a number beyond all that can be"))
    }
    return record
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

/// A line that says where in the run it belongs.
private protocol PlacedRecord {
  var step: Int { get }
  var epoch: Int { get }
  /// In characters per second, nil where it has none.
  var speed: Double? { get }
}

extension StepMetrics: PlacedRecord { fileprivate var speed: Double? { charactersPerSecond } }
extension EpochMetrics: PlacedRecord { fileprivate var speed: Double? { charactersPerSecond } }
extension CheckpointMetrics: PlacedRecord { fileprivate var speed: Double? { nil } }
extension RewindMetrics: PlacedRecord { fileprivate var speed: Double? { nil } }

/// A line of `metrics.jsonl` that is not what a run writes.
public struct MetricsError: Error, CustomStringConvertible {
  public let path: String
  public let line: Int

  public var description: String {
    "'\(path)', line \(line): expected a step or an epoch of a run, found something else"
  }
}

import Storage

extension RunDirectory {
  /// Takes away from `metrics.jsonl` the lines that were written after `progress`, and will be written again.
  ///
  /// - Throws: `StorageError`.
  func cutMetrics(after progress: Progress) throws {
    guard case .file = kind(of: metrics) else { return }
    let end = try MetricsEnd(InputFile(metrics), progress)
    if end.isClean { return }
    // A line that is left half-written by whoever dies here is no line.
    let file = try OutputFile(changing: metrics)
    try file.write(end.lines, at: end.offset)
    try file.truncate(to: end.offset + end.lines.utf8.count)
  }

  /// Gives `directory` the lines of `metrics.jsonl` that were written before `progress`.
  ///
  /// - Throws: `StorageError`.
  func copyMetrics(to directory: RunDirectory, until progress: Progress) throws {
    guard case .file = kind(of: metrics) else { return }
    let file = try InputFile(metrics)
    let end = try MetricsEnd(file, progress)
    try writeAtomically(to: directory.metrics) { copy in
      try file.readPieces(0..<end.offset) { piece in try piece.withUnsafeBytes { try copy.write($0) } }
      try copy.write(end.lines)
    }
  }
}

/// Where in a file of metrics the lines begin of which some may have to go.
private struct MetricsEnd {
  /// Behind the last line of a step that stays.
  let offset: Int
  /// Those behind it that stay: of epochs and checkpoints, and of the run's history.
  let lines: String
  /// Whether all stay.
  let isClean: Bool

  private struct Line: Decodable {
    let kind: String
    let step: Int
    let epoch: Int

    /// Nil if the bytes are no line of a run.
    init?(_ bytes: ArraySlice<UInt8>) {
      guard let line = try? JSON.decode(Self.self, from: String(decoding: bytes, as: UTF8.self)) else {
        return nil
      }
      self = line
    }

    func isBefore(_ progress: Progress) -> Bool {
      if HistoryRecord.kinds.contains(kind) { return true }
      guard step <= progress.step, kind != "step" else { return step <= progress.step }
      // An epoch that is to be validated, again perhaps, has its line then.
      return epoch <= progress.epoch && !(kind == "epoch" && epoch == progress.epochToValidate)
    }
  }

  private static let newline = UInt8(ascii: "\n")
  /// However long a run has been, no more is in memory at once.
  private static let blockSize = 1 << 20
  private static let maximumLine = 1 << 22

  init(_ file: InputFile, _ progress: Progress) throws {
    let size = try file.size()
    offset = try Self.endOfStep(atMost: progress.step, file, size)
    var lines = ""
    var isClean = true
    var line: [UInt8] = []
    try file.readPieces(offset..<size) { piece in
      var rest = piece[...]
      // What is longer than any line of a run is none: no more of it is kept than tells so.
      defer { line.removeLast(max(0, line.count - Self.maximumLine - 1)) }
      while let end = rest.firstIndex(of: Self.newline) {
        line += rest[..<end]
        if line.count <= Self.maximumLine, let parsed = Line(line[...]), parsed.isBefore(progress) {
          lines += String(decoding: line, as: UTF8.self) + "\n"
        } else {
          isClean = false
        }
        line = []
        rest = rest[(end + 1)...]
      }
      line += rest
    }
    self.lines = lines
    self.isClean = isClean && line.isEmpty
  }

  /// The offset behind the last line of a step up to `step`, looked for from the end.
  private static func endOfStep(atMost step: Int, _ file: InputFile, _ size: Int) throws -> Int {
    var start = size
    /// What has been read, from `start` on, up to the first line that has been looked at.
    var unseen: [UInt8] = []
    while start > 0 {
      let before = max(0, start - blockSize)
      // What is longer than any line of a run is none: what takes its place is none either.
      if unseen.count > maximumLine { unseen = [0] }
      unseen = try file.bytes(from: before, count: start - before) + unseen
      start = before
      while !unseen.isEmpty {
        let newline = unseen.dropLast().lastIndex(of: newline)
        // Unless it is the file's first, the line may begin in the block before.
        guard newline != nil || start == 0 else { break }
        let first = newline.map { $0 + 1 } ?? 0
        // A line that was cut short is none.
        if unseen.last == Self.newline, let line = Line(unseen[first...].dropLast()), line.kind == "step",
          line.step <= step
        {
          return start + unseen.count
        }
        unseen.removeSubrange(first...)
      }
    }
    return 0
  }
}

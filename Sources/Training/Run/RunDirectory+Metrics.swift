import Storage

extension RunDirectory {
  /// Gives `directory`, which may be this one, the lines of `metrics.jsonl` without those that were written after `progress`, and will be
  /// written again.
  ///
  /// - Throws: `StorageError`.
  func copyMetrics(to directory: RunDirectory, until progress: Progress) throws {
    guard case .file(let size) = kind(of: metrics) else { return }
    let kept = try endOfStep(atMost: progress.step, size: size)
    // Behind it are the lines of epochs and checkpoints of the same step, and whatever came later.
    let rest = try readBytes(of: metrics, from: kept, count: size - kept)
    let lines = rest.split(separator: Self.newline).filter { line in
      guard let line = MetricsLine(line) else { return false }
      return line.step <= progress.step && (line.kind == "step" || line.epoch <= progress.epoch)
    }
    try writeAtomically(to: directory.metrics) { file in
      for start in stride(from: 0, to: kept, by: Self.blockSize) {
        let block = try readBytes(of: metrics, from: start, count: min(Self.blockSize, kept - start))
        try block.withUnsafeBytes { try file.write($0) }
      }
      for line in lines { try file.write(String(decoding: line, as: UTF8.self) + "\n") }
    }
  }

  private static let newline = UInt8(ascii: "\n")
  /// However long a run is, no more than that of its metrics is in memory at once.
  private static let blockSize = 1 << 20

  /// The offset behind the last line of a step up to `step`, looked for from the end of the `size` bytes.
  private func endOfStep(atMost step: Int, size: Int) throws -> Int {
    var start = size
    /// What has been read, from `start` on, up to the first line that has been looked at.
    var unseen: [UInt8] = []
    while start > 0 {
      let before = max(0, start - Self.blockSize)
      unseen = try readBytes(of: metrics, from: before, count: start - before) + unseen
      start = before
      while !unseen.isEmpty {
        let newline = unseen.dropLast().lastIndex(of: Self.newline)
        // Unless it is the file's first, the line may begin in the block before.
        guard newline != nil || start == 0 else { break }
        let first = newline.map { $0 + 1 } ?? 0
        // A line that was cut short is none.
        if unseen.last == Self.newline, let line = MetricsLine(unseen[first...].dropLast()),
          line.kind == "step",
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

/// What every line of `metrics.jsonl` has.
private struct MetricsLine: Decodable {
  let kind: String
  let step: Int
  let epoch: Int

  /// Nil if the line is none of a run.
  init?(_ line: ArraySlice<UInt8>) {
    guard let value = try? JSON.decode(Self.self, from: String(decoding: line, as: UTF8.self)) else {
      return nil
    }
    self = value
  }
}

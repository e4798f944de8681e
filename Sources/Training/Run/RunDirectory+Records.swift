import Storage

extension RunDirectory {
  /// Takes away what was noted after `progress`, and will be again.
  ///
  /// - Throws: `StorageError`.
  func cutRecords(after progress: Progress) throws {
    try cutMetrics(after: progress)
    try cutSamples(after: progress)
  }

  /// Gives `directory` what the run that goes on there has behind it: what was noted up to `progress`, the checkpoint that it goes on from, and `best`,
  /// than which later ones may be no better.
  ///
  /// - Throws: `StorageError`.
  func copyRecords(to directory: RunDirectory, until progress: Progress, _ checkpoint: Checkpoint?) throws {
    try copyMetrics(to: directory, until: progress)
    try copySamples(to: directory, until: progress)
    let best = [bestAside, self.checkpoint("best")].first { kind(of: $0) != .nothing }
    if let best { try copy(best, to: directory.checkpoint("best")) }
    if let checkpoint { try copy(checkpoint.file.path, to: directory.checkpoint("last")) }
  }

  private func copy(_ path: String, to other: String) throws {
    let file = try InputFile(path)
    try writeAtomically(to: other) { copy in
      try file.readPieces(0..<file.size()) { piece in try piece.withUnsafeBytes { try copy.write($0) } }
    }
  }
}

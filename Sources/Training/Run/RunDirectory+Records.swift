import Storage

extension RunDirectory {
  /// Takes away what was noted after `progress`, and will be again.
  ///
  /// - Throws: `StorageError`.
  func cutRecords(after progress: Progress) throws {
    try cutMetrics(after: progress)
    try cutSamples(after: progress)
  }

  /// Gives `directory` what the run that goes on there has behind it: what was noted up to `progress`, and the checkpoint `best`, than which later
  /// ones may be no better.
  ///
  /// - Throws: `StorageError`.
  func copyRecords(to directory: RunDirectory, until progress: Progress) throws {
    try copyMetrics(to: directory, until: progress)
    try copySamples(to: directory, until: progress)
    guard case .file(let size) = kind(of: checkpoint("best")) else { return }
    let file = try InputFile(checkpoint("best"))
    try writeAtomically(to: directory.checkpoint("best")) { copy in
      try file.readPieces(0..<size) { piece in try piece.withUnsafeBytes { try copy.write($0) } }
    }
  }
}

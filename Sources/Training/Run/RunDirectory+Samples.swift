import Storage

extension RunDirectory {
  /// What stands before the number of an epoch, on a line of its own, in `samples.txt`.
  static let samplesHeader = "--- epoch "

  /// What was sampled after each epoch.
  ///
  /// - Throws: `StorageError`.
  public func sampledTexts() throws -> [(epoch: Int, text: String)] {
    guard case .file = kind(of: samples) else { return [] }
    let text = String(decoding: try readWhole(samples, limit: physicalMemoryBytes() / 4), as: UTF8.self)
    var texts: [(epoch: Int, text: String)] = []
    for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
      if line.hasPrefix(Self.samplesHeader), let epoch = Int(line.dropFirst(Self.samplesHeader.count)) {
        texts.append((epoch, ""))
      } else if !texts.isEmpty {
        texts[texts.count - 1].text += texts[texts.count - 1].text.isEmpty ? line : "\n" + line
      }
    }
    return texts.map { ($0.epoch, $0.text.hasSuffix("\n") ? String($0.text.dropLast()) : $0.text) }
  }

  /// Takes away from `samples.txt` what was sampled after `progress`, and will be again.
  ///
  /// - Throws: `StorageError`.
  func cutSamples(after progress: Progress) throws {
    guard case .file = kind(of: samples) else { return }
    let file = try InputFile(samples)
    let end = try endOfSamples(file, progress)
    if try end < file.size() { try OutputFile(changing: samples).truncate(to: end) }
  }

  /// Gives `directory` what was sampled before `progress`.
  ///
  /// - Throws: `StorageError`.
  func copySamples(to directory: RunDirectory, until progress: Progress) throws {
    guard case .file = kind(of: samples) else { return }
    let file = try InputFile(samples)
    let end = try endOfSamples(file, progress)
    try writeAtomically(to: directory.samples) { copy in
      try file.readPieces(0..<end) { piece in try piece.withUnsafeBytes { try copy.write($0) } }
    }
  }

  /// Where the sample of the first epoch begins that `progress` has not behind it, or the file ends.
  private func endOfSamples(_ file: InputFile, _ progress: Progress) throws -> Int {
    let epoch = progress.epochToValidate ?? progress.epoch + 1
    let header = Array("\(Self.samplesHeader)\(epoch)\n".utf8)
    let newline = UInt8(ascii: "\n")
    let size = try file.size()
    var offset = 0
    /// Of the line at hand: where it begins, and no more of it than can be a header.
    var (start, line) = (0, [UInt8]())
    var end: Int?
    try file.readPieces(0..<size) { piece in
      for byte in piece where end == nil {
        offset += 1
        if line.count < header.count { line.append(byte) }
        guard byte == newline else { continue }
        if line == header { end = start }
        (start, line) = (offset, [])
      }
    }
    return end ?? size
  }
}

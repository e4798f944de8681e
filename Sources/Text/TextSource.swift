import Storage

/// Where a text comes from.
public enum TextSource: Equatable, Sendable {
  /// A file, or a directory whose files are read in the order of their paths.
  case path(String)
  case builtInCorpus

  /// What messages call it.
  public var name: String {
    switch self {
    case .path(let path): "'\(path)'"
    case .builtInCorpus: "the built-in corpus"
    }
  }
}

/// The texts of a training run, as tokens of one vocabulary. Only rank 0 has one.
public struct PreparedText: Sendable {
  public let vocabulary: Vocabulary
  public let train: Tokens
  public let valid: Tokens

  /// Reads `train`, builds the vocabulary from it, and reads `valid`, or, where that is nil, takes the last
  /// `validFraction` of the text, which may be 0, from the training text to validate on.
  ///
  /// - Throws: ``TextError``, or `StorageError`.
  public init(
    train: TextSource, valid: TextSource?, validFraction: Double, format: TextFormat,
    minimumFrequency: Int
  ) throws {
    let text = try ProvisionalText(source: train, format: format)
    let count = text.count
    let trainCount = valid == nil ? count - Int(Double(count) * validFraction) : count
    guard trainCount >= 2 else {
      throw TextError.tooShort(
        name: "the training text \(train.name)", units: trainCount, needed: 2, streams: 1)
    }
    let counts = text.counts(first: trainCount)
    guard counts.count > 1 else { throw TextError.oneDistinctUnit(name: train.name) }
    vocabulary = Vocabulary(counts: counts, minimumFrequency: minimumFrequency)
    guard !vocabulary.units.isEmpty else {
      throw TextError.nothingFrequent(name: train.name, minimumFrequency: minimumFrequency)
    }
    let tokens = text.finalTokens(vocabulary)
    self.train = tokens[0..<trainCount]
    if let valid {
      self.valid = try Tokens(source: valid, format: format, vocabulary: vocabulary)
    } else {
      self.valid = tokens[trainCount..<count]
    }
  }
}

extension Tokens {
  /// Reads `source` as ids of `vocabulary`.
  ///
  /// - Throws: ``TextError``, or `StorageError`.
  public init(source: TextSource, format: TextFormat, vocabulary: Vocabulary) throws {
    self = try ProvisionalText(source: source, format: format).finalTokens(vocabulary)
  }

  /// Reads `text` as ids of `vocabulary`: a prime to sample from. It gets no end mark.
  public init(prime text: String, format: TextFormat, vocabulary: Vocabulary) throws {
    var format = format
    format.endToken = false
    let bytes = Array(text.utf8)
    var provisional = ProvisionalText(expectedCount: bytes.count)
    try provisional.append(bytes: bytes, named: "the prime", format: format)
    self = provisional.finalTokens(vocabulary)
  }
}

extension ProvisionalText {
  init(source: TextSource, format: TextFormat) throws {
    switch source {
    case .builtInCorpus:
      let bytes = BuiltInCorpus.text()
      self.init(expectedCount: bytes.count)
      try append(bytes: bytes, named: source.name, format: format)
    case .path(let path):
      guard kind(of: path) != .device else { throw TextError.device(path: path) }
      let isDirectory = kind(of: path) == .directory
      let files = isDirectory ? try filesBelow(path) : [path]
      guard !files.isEmpty else { throw TextError.directoryWithoutFiles(path: path) }
      let byteCount = files.map { file in
        if case .file(let size) = kind(of: file) { size } else { 0 }
      }.reduce(files.count, +)
      // Even text of three bytes a character would not fit.
      guard byteCount / 3 <= physicalMemoryBytes() else {
        throw TextError.tooLarge(path: path, bytes: byteCount, memoryBytes: physicalMemoryBytes())
      }
      self.init(expectedCount: min(byteCount, physicalMemoryBytes()))
      for file in files { try append(file: file, format: format) }
      guard count > (format.endToken ? files.count : 0) else { throw TextError.empty(path: path) }
    }
  }
}

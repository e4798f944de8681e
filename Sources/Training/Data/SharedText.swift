import Ranks
import Text

/// What every rank knows of the run's text after rank 0 has read it and sent each rank its streams.
public struct SharedText {
  /// V.
  public let vocabularyCount: Int
  /// All streams of all ranks.
  public let split: StreamSplit
  /// This rank's streams.
  public let streams: TextStreams
  /// What is validated, nil where the run does not validate.
  let valid: ValidationText?
  /// On rank 0 only.
  public let root: RootText?

  /// The text to validate on.
  struct ValidationText {
    /// All streams of all ranks.
    let split: StreamSplit
    /// Those of this rank, nil where it has none.
    let streams: TextStreams?
    /// Whether every rank has some of them.
    let isShared: Bool
  }

  /// What rank 0 keeps for itself.
  public struct RootText {
    public let vocabulary: Vocabulary
    /// The whole training text.
    public let train: Tokens
    /// Empty where the run does not validate.
    public let valid: Tokens

    /// What the texts were: see ``Text/Tokens/fingerprint``.
    var fingerprint: String { train.fingerprint + valid.fingerprint }
  }

  /// Reads the text on rank 0 and distributes it; the other ranks never hold more than their streams.
  ///
  /// - Throws: on all ranks `AgreedFailure` if rank 0 could not read or use the text.
  public init(_ config: TrainingConfig, _ world: any World) throws {
    let prepared = try world.onRoot("reading the text") {
      let text = try PreparedText(config)
      let split = try text.split(config)
      let validSplit =
        try config.validate == .none
        ? nil
        : StreamSplit(
          count: text.valid.count, streams: Evaluator.streams(wanted: config.bs, count: text.valid.count),
          name: config.validName)
      return (text: text, split: split, validSplit: validSplit)
    }
    vocabularyCount = try world.broadcast(prepared?.text.vocabulary.count ?? 0)
    split = StreamSplit(
      streams: config.bs, columns: try world.broadcast(prepared?.split.columns ?? 0))
    streams = try Self.distribute(prepared?.text.train, split, vocabularyCount, world)
    valid = try Self.validationText(
      config.validate, prepared?.text.valid, prepared?.validSplit, vocabularyCount, world)
    root = prepared.map {
      RootText(vocabulary: $0.text.vocabulary, train: $0.text.train, valid: $0.text.valid)
    }
  }

  /// A text without sense, the same length for each stream, for measurements.
  init(measuringWith config: TrainingConfig, columns: Int, vocabularyCount: Int, _ world: any World) {
    self.vocabularyCount = vocabularyCount
    split = StreamSplit(streams: config.bs, columns: columns)
    let own = StreamSplit.shard(streams: config.bs, rank: world.rank, ranks: world.size)
    // Multiples of a large prime: no two neighbours alike.
    let ids = (0..<own.count * columns).map {
      UInt16(truncatingIfNeeded: ($0 &* 2_654_435_761) >> 8 % vocabularyCount)
    }
    streams = TextStreams(Tokens(.words(ids)), streams: own, columns: columns)
    valid = nil
    root = nil
  }

  private static func validationText(
    _ mode: ValidationMode, _ tokens: Tokens?, _ split: StreamSplit?, _ vocabularyCount: Int,
    _ world: any World
  ) throws -> ValidationText? {
    if mode == .none { return nil }
    let split = try world.broadcast(split ?? StreamSplit(streams: 0, columns: 0))
    // A text of so few characters is no work.
    let isShared = mode == .all && split.streams >= world.size
    let streams =
      isShared
      ? try distribute(tokens, split, vocabularyCount, world)
      : tokens.map { TextStreams($0, streams: 0..<split.streams, columns: split.columns) }
    return ValidationText(split: split, streams: streams, isShared: isShared)
  }

  private static func distribute(
    _ tokens: Tokens?, _ split: StreamSplit, _ vocabularyCount: Int, _ world: any World
  ) throws -> TextStreams {
    let shards = (0..<world.size).map {
      StreamSplit.shard(streams: split.streams, rank: $0, ranks: world.size)
    }
    let parts = shards.map(split.units)
    /// On rank 0, whose tokens may be a part of a text.
    let start = tokens?.range.lowerBound ?? 0
    let partsOfStorage = parts.map { start + $0.lowerBound..<start + $0.upperBound }
    // Rank 0's part stays where it is, in the whole: a copy beside it would be the peak of its memory.
    let local: Tokens
    switch (tokens?.storage, Tokens.fitInBytes(vocabulary: vocabularyCount)) {
    case (.bytes(let ids), _):
      _ = try world.scatter(ids, parts: partsOfStorage)
      local = tokens![parts[0]]
    case (.words(let ids), _):
      _ = try world.scatter(ids, parts: partsOfStorage)
      local = tokens![parts[0]]
    case (nil, true): local = Tokens(.bytes(try world.scatter([], parts: parts)))
    case (nil, false): local = Tokens(.words(try world.scatter([], parts: parts)))
    }
    return TextStreams(local, streams: shards[world.rank], columns: split.columns)
  }
}

extension PreparedText {
  /// Of the training text into the config's streams.
  ///
  /// - Throws: `TextError` if it is too short for them.
  func split(_ config: TrainingConfig) throws -> StreamSplit {
    try StreamSplit(
      count: train.count, streams: config.bs, name: "the training text \(config.trainSource.name)")
  }

  /// - Throws: `TextError`, or `StorageError`.
  init(_ config: TrainingConfig) throws {
    try self.init(
      train: config.trainSource, valid: config.validSource,
      validFraction: config.validate == .none ? 0 : config.validFraction, format: config.textFormat,
      minimumFrequency: config.minFreq)
  }
}

extension TrainingConfig {
  /// What messages call the validation text.
  var validName: String {
    validSource.map { "the validation text \($0.name)" }
      ?? "the validation text (\(validFraction) of \(trainSource.name))"
  }
}

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
  /// On rank 0 only.
  public let root: RootText?

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
  /// - Throws: on all ranks ``Ranks/AgreedFailure`` if rank 0 could not read or use the text.
  public init(_ config: TrainingConfig, _ world: any World) throws {
    let prepared = try world.onRoot("reading the text") {
      let text = try PreparedText(
        train: config.trainSource, valid: config.validSource,
        validFraction: config.validate ? config.validFraction : 0,
        format: config.textFormat, minimumFrequency: config.minFreq)
      let split = try StreamSplit(
        count: text.train.count, streams: config.bs, name: "the training text \(config.trainSource.name)")
      return (text: text, split: split)
    }
    vocabularyCount = try world.broadcast(prepared?.text.vocabulary.count ?? 0)
    split = StreamSplit(
      streams: config.bs, columns: try world.broadcast(prepared?.split.columns ?? 0))
    streams = try Self.distribute(prepared?.text.train, split, vocabularyCount, world)
    root = prepared.map {
      RootText(vocabulary: $0.text.vocabulary, train: $0.text.train, valid: $0.text.valid)
    }
  }

  private static func distribute(
    _ tokens: Tokens?, _ split: StreamSplit, _ vocabularyCount: Int, _ world: any World
  ) throws -> TextStreams {
    let shards = (0..<world.size).map {
      StreamSplit.shard(streams: split.streams, rank: $0, ranks: world.size)
    }
    let parts = shards.map(split.units)
    // Rank 0's part stays where it is, in the whole: a copy beside it would be the peak of its memory.
    let local: Tokens
    switch (tokens?.storage, Tokens.fitInBytes(vocabulary: vocabularyCount)) {
    case (.bytes(let ids), _):
      _ = try world.scatter(ids, parts: parts)
      local = tokens![parts[0]]
    case (.words(let ids), _):
      _ = try world.scatter(ids, parts: parts)
      local = tokens![parts[0]]
    case (nil, true): local = Tokens(.bytes(try world.scatter([], parts: parts)))
    case (nil, false): local = Tokens(.words(try world.scatter([], parts: parts)))
    }
    return TextStreams(local, streams: shards[world.rank], columns: split.columns)
  }
}

extension TrainingConfig {
  /// What messages call the validation text.
  var validName: String {
    validSource.map { "the validation text \($0.name)" }
      ?? "the validation text (\(validFraction) of \(trainSource.name))"
  }
}

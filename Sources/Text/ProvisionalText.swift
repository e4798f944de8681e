import Storage

/// A text being read, before its vocabulary is known: units are numbered as they first appear.
///
/// So one pass over the files is enough, and a character takes one byte of memory (two once the text
/// has shown more than 256 distinct ones).
struct ProvisionalText {
  /// Unit by provisional id.
  private(set) var units: [TextUnit] = []
  private var tokens: Tokens.Storage
  /// Provisional id by unit value, or -1.
  private var ids = [Int32](repeating: -1, count: TextUnit.valueLimit)
  private let expectedCount: Int

  /// - Parameter expectedCount: how many units to make room for at once.
  init(expectedCount: Int) {
    self.expectedCount = expectedCount
    var bytes: [UInt8] = []
    bytes.reserveCapacity(expectedCount)
    tokens = .bytes(bytes)
  }

  /// Adds the text of one file.
  ///
  /// - Throws: ``TextError``, or `StorageError`.
  mutating func append(file path: String, format: TextFormat) throws {
    var decoder = UnitDecoder(path: path, format: format)
    try readPieces(of: path) { try append($0, &decoder, path) }
    try finish(&decoder, path)
  }

  /// Adds `bytes` as if they were a file.
  mutating func append(bytes: [UInt8], named name: String, format: TextFormat) throws {
    var decoder = UnitDecoder(path: name, format: format)
    try append(bytes[...], &decoder, name)
    try finish(&decoder, name)
  }

  var count: Int { Tokens(tokens).count }

  /// How often each unit occurs among the first `count` tokens.
  func counts(first count: Int) -> [TextUnit: Int] {
    var byID = [Int](repeating: 0, count: units.count)
    switch tokens {
    case .bytes(let ids): for id in ids[..<count] { byID[Int(id)] += 1 }
    case .words(let ids): for id in ids[..<count] { byID[Int(id)] += 1 }
    }
    return Dictionary(uniqueKeysWithValues: zip(units, byID).filter { $1 > 0 })
  }

  /// The tokens as `vocabulary` numbers them; uses up the text, mostly in place.
  consuming func finalTokens(_ vocabulary: Vocabulary) -> Tokens {
    Tokens(renumbered(vocabulary))
  }

  private consuming func renumbered(_ vocabulary: Vocabulary) -> Tokens.Storage {
    let map = units.map { vocabulary.id(of: $0) }
    let fits = Tokens.fitInBytes(vocabulary: vocabulary.count)
    // Taken out of `tokens` first, so that each array has one owner and changes in place.
    let provisional = tokens
    tokens = .bytes([])
    switch consume provisional {
    case .bytes(var ids) where fits:
      for index in ids.indices { ids[index] = UInt8(map[Int(ids[index])]) }
      return .bytes(ids)
    case .bytes(let ids):
      return .words(ids.map { map[Int($0)] })
    case .words(let ids) where fits:
      return .bytes(ids.map { UInt8(map[Int($0)]) })
    case .words(var ids):
      for index in ids.indices { ids[index] = map[Int(ids[index])] }
      return .words(ids)
    }
  }

  private mutating func append(
    _ piece: ArraySlice<UInt8>, _ decoder: inout UnitDecoder, _ path: String
  ) throws {
    try withTokens { text, bytes, words in
      try decoder.decode(piece) { try text.append($0, &bytes, &words, path) }
    }
  }

  private mutating func finish(_ decoder: inout UnitDecoder, _ path: String) throws {
    try withTokens { text, bytes, words in
      try decoder.finish { try text.append($0, &bytes, &words, path) }
    }
  }

  /// Lends out the token array, so that a loop of appends neither copies it nor asks which it is:
  /// `bytes` as long as `words` is nil, then `words`.
  private mutating func withTokens(
    _ body: (inout ProvisionalText, inout [UInt8], inout [UInt16]?) throws -> Void
  ) rethrows {
    var bytes: [UInt8] = []
    var words: [UInt16]?
    switch tokens {
    case .bytes(let ids): bytes = ids
    case .words(let ids): words = ids
    }
    tokens = .bytes([])
    defer { tokens = words.map { .words($0) } ?? .bytes(bytes) }
    try body(&self, &bytes, &words)
  }

  @inline(__always)
  private mutating func append(
    _ unit: TextUnit, _ bytes: inout [UInt8], _ words: inout [UInt16]?, _ path: String
  ) throws {
    var id = ids[Int(unit.value)]
    if id < 0 {
      id = try number(unit, path)
      if id == 256 {
        var widened: [UInt16] = []
        widened.reserveCapacity(max(expectedCount, bytes.count + 1))
        widened.append(contentsOf: bytes.lazy.map { UInt16($0) })
        words = widened
        bytes = []
      }
    }
    if words == nil { bytes.append(UInt8(truncatingIfNeeded: id)) } else { words!.append(UInt16(id)) }
  }

  private mutating func number(_ unit: TextUnit, _ path: String) throws -> Int32 {
    let limit = Vocabulary.maximumCount - Vocabulary.specials.count
    guard units.count < limit else { throw TextError.tooManyDistinctUnits(path: path, limit: limit) }
    let id = Int32(units.count)
    units.append(unit)
    ids[Int(unit.value)] = id
    return id
  }
}

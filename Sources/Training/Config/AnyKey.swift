/// A key of a JSON object, whatever it is.
struct AnyKey: CodingKey {
  let stringValue: String
  var intValue: Int? { nil }

  init(stringValue: String) { self.stringValue = stringValue }
  init?(intValue: Int) { nil }
}

extension Decoder {
  /// Refuses an object with a key that is none of `known`, naming the nearest.
  ///
  /// - Throws: `DecodingError`.
  func refuseStrangers(known: [String]) throws {
    let keys = try container(keyedBy: AnyKey.self).allKeys.map(\.stringValue)
    guard let stranger = keys.first(where: { !known.contains($0) }) else { return }
    let suggestion = nearest(to: stranger, in: known).map { " (did you mean '\($0)'?)" } ?? ""
    throw DecodingError.dataCorrupted(
      .init(codingPath: codingPath, debugDescription: "unknown option '\(stranger)'\(suggestion)"))
  }
}

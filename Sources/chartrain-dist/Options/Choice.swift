import ArgumentParser
import CharModel

/// A name that is none of those known.
struct UnknownName: Error, CustomStringConvertible {
  let known: [String]
  let nearest: String?

  var description: String {
    let suggestion = nearest.map { " (did you mean '\($0)'?)" } ?? ""
    return "expected one of \(known.joined(separator: ", "))\(suggestion)"
  }
}

enum Choice {
  /// The case of that name.
  static func of<Value: RawRepresentable & CaseIterable & Sendable>(
    _: Value.Type
  ) -> @Sendable (String) throws -> Value where Value.RawValue == String {
    { name in
      guard let value = Value(rawValue: name) else {
        throw unknown(name, Value.allCases.map(\.rawValue))
      }
      return value
    }
  }

  /// The cell of that name.
  @Sendable static func cell(_ name: String) throws -> CellKind {
    guard let kind = CellKind(named: name) else { throw unknown(name, CellKind.all.map(\.name)) }
    return kind
  }

  static func unknown(_ name: String, _ known: [String]) -> UnknownName {
    UnknownName(known: known, nearest: nearest(to: name, in: known))
  }

  /// The known name with the fewest edits to `name`, if those are at most half its letters.
  static func nearest(to name: String, in known: [String]) -> String? {
    let ranked = known.map { ($0, editDistance(name.lowercased(), $0)) }.min { $0.1 < $1.1 }
    guard let (candidate, distance) = ranked, distance <= max(1, candidate.count / 2) else { return nil }
    return candidate
  }

  /// Levenshtein's distance.
  private static func editDistance(_ a: String, _ b: String) -> Int {
    let b = Array(b)
    var row = Array(0...b.count)
    for (i, character) in a.enumerated() {
      var diagonal = row[0]
      row[0] = i + 1
      for j in b.indices {
        let substitution = diagonal + (character == b[j] ? 0 : 1)
        diagonal = row[j + 1]
        row[j + 1] = min(substitution, row[j] + 1, row[j + 1] + 1)
      }
    }
    return row[b.count]
  }
}

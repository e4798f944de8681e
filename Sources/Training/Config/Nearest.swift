/// The known name with the fewest edits to `name`, if those are at most half its letters.
public func nearest(to name: String, in known: [String]) -> String? {
  let ranked = known.map { ($0, editDistance(name.lowercased(), $0.lowercased())) }.min { $0.1 < $1.1 }
  guard let (candidate, distance) = ranked, distance <= max(1, candidate.count / 2) else { return nil }
  return candidate
}

/// A name that is none of those known.
public struct UnknownName: Error, CustomStringConvertible {
  public let name: String
  public let known: [String]

  public init(_ name: String, known: [String]) {
    self.name = name
    self.known = known
  }

  public var description: String {
    let suggestion = nearest(to: name, in: known).map { " (did you mean '\($0)'?)" } ?? ""
    return "expected one of \(known.joined(separator: ", "))\(suggestion)"
  }
}

/// Levenshtein's distance.
private func editDistance(_ a: String, _ b: String) -> Int {
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

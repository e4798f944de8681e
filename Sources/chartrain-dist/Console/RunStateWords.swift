import Training

extension PastRun {
  /// What has become of it, in a few words.
  var stateInWords: String {
    switch state {
    case .goingOn: "going on"
    case .ended(let ending): ending.inWords
    case .cutShort: "ended without a word"
    }
  }
}

extension EndMetrics.Ending {
  var inWords: String {
    switch self {
    case .finished: "finished"
    case .maxSteps: "ended as --max-steps says"
    case .request: "stopped on request"
    case .diverged: "diverged"
    }
  }
}

/// How many ranks are on which hosts, these by name where they are few: `2 ranks on host0 (1), host1 (1)`.
func placesInWords(_ ranks: [String: Int]) -> String {
  let hosts =
    switch ranks.count {
    case 1: ranks.keys.first!
    case 2...4: ranks.sorted { $0.key < $1.key }.map { "\($0.key) (\($0.value))" }.joined(separator: ", ")
    default: "\(ranks.count) hosts"
    }
  // Whatever a file says of them.
  let count = ranks.values.reduce(0) { $0 + min(max($1, 0), 1_000_000_000) }
  return "\(counted(count, "rank")) on \(hosts)"
}

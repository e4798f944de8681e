/// One line of `metrics.jsonl` each time that the run is started.
public struct StartMetrics: Codable, Equatable, Sendable {
  public private(set) var kind = "start"
  /// Steps and epochs made before.
  public let step: Int
  public let epoch: Int
  /// In seconds since 1970.
  public let time: Double
  /// How many ranks are on each host.
  public let ranks: [String: Int]
}

/// One line of `metrics.jsonl` where the run has ended, if it could say so.
public struct EndMetrics: Codable, Equatable, Sendable {
  public private(set) var kind = "end"
  /// Steps and epochs made.
  public let step: Int
  public let epoch: Int
  /// In seconds since 1970.
  public let time: Double
  public let ending: Ending

  public enum Ending: String, Codable, Sendable {
    case finished
    case maxSteps
    case request
    case diverged

    init(_ ending: TrainingRun.Ending) {
      self =
        switch ending {
        case .finished: .finished
        case .maximumSteps: .maxSteps
        case .request: .request
        }
    }
  }
}

/// One line of `metrics.jsonl` per warning that no other line tells of.
public struct WarningMetrics: Codable, Equatable, Sendable {
  public private(set) var kind = "warning"
  public let step: Int
  public let epoch: Int
  /// In seconds since 1970.
  public let time: Double
  public let text: String
}

/// What has happened to a run as a whole. Unlike what it has computed, this is not taken back when the run goes on from an earlier step.
public enum HistoryRecord: Equatable, Sendable {
  case start(StartMetrics)
  case end(EndMetrics)
  case warning(WarningMetrics)

  static let kinds: Set<String> = ["start", "end", "warning"]

  /// Of a line of `metrics.jsonl` of that kind; nil where it is of no such kind.
  init?(kind: String, line: String) throws {
    switch kind {
    case "start": self = .start(try JSON.decode(StartMetrics.self, from: line))
    case "end": self = .end(try JSON.decode(EndMetrics.self, from: line))
    case "warning": self = .warning(try JSON.decode(WarningMetrics.self, from: line))
    default: return nil
    }
  }
}

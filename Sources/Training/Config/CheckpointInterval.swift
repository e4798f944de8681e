/// How often a run writes a checkpoint within its epochs.
public enum CheckpointInterval: Equatable, Sendable {
  case steps(Int)
  case minutes(Double)

  /// As on the command line: `500`, or `10m`.
  public init?(_ text: String) {
    if text.hasSuffix("m"), let minutes = Double(text.dropLast()) {
      self = .minutes(minutes)
    } else if let steps = Int(text) {
      self = .steps(steps)
    } else {
      return nil
    }
  }

  public var text: String {
    switch self {
    case .steps(let steps): "\(steps)"
    case .minutes(let minutes): (Int(exactly: minutes).map { "\($0)" } ?? "\(minutes)") + "m"
    }
  }

  var isPossible: Bool {
    switch self {
    case .steps(let steps): steps >= 1
    case .minutes(let minutes): minutes > 0 && minutes <= Self.maximumMinutes
    }
  }

  /// Nearly two years.
  static let maximumMinutes = 1e6
}

extension CheckpointInterval: Codable {
  /// A number of steps, or a text with minutes.
  public init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    if let steps = try? container.decode(Int.self) {
      self = .steps(steps)
    } else if let interval = Self(try container.decode(String.self)) {
      self = interval
    } else {
      throw DecodingError.dataCorruptedError(
        in: container, debugDescription: "neither steps nor minutes such as 10m")
    }
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    switch self {
    case .steps(let steps): try container.encode(steps)
    case .minutes: try container.encode(text)
    }
  }
}

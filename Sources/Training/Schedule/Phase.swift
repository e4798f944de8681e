/// A stretch of training with settings of its own.
public struct Phase: Equatable, Sendable {
  public enum Moments: String, CaseIterable, Codable, Sendable {
    /// Go on with Adam's moments as the phase before left them.
    case keep
    /// Start with moments of zero, as a new optimizer does.
    case fresh
  }

  /// From 1 to ``maximumEpochs``.
  public var epochs: Int
  /// The base learning rate; nil to carry on with the rate at which the phase before ended.
  public var lr: Double?
  public var schedule: Schedule
  public var adam: Moments

  public static let maximumEpochs = 1_000_000

  /// Fast, then fine: enough for the built-in corpus.
  public static let standard = [Phase(epochs: 4, lr: 3e-3), Phase(epochs: 2, lr: 5e-4)]

  public init(epochs: Int, lr: Double?, schedule: Schedule = .constant, adam: Moments = .keep) {
    self.epochs = epochs
    self.lr = lr
    self.schedule = schedule
    self.adam = adam
  }
}

// {"epochs": 15, "lr": 0.01, "schedule": "cosine", "cycleLength": 1, "cycleMult": 2, "adam": "keep"}; "lr" is null where
// the rate is carried on.
extension Phase: Codable {
  private enum Key: String, CodingKey, CaseIterable {
    case epochs, lr, adam
  }

  public init(from decoder: any Decoder) throws {
    let known = Key.allCases.map(\.rawValue) + ScheduleSettings.keys
    try decoder.refuseStrangers(known: known)
    let values = try decoder.container(keyedBy: Key.self)
    guard values.contains(.lr) else {
      throw DecodingError.keyNotFound(
        Key.lr, .init(codingPath: decoder.codingPath, debugDescription: "a phase without a rate"))
    }
    self.init(
      epochs: try values.decode(Int.self, forKey: .epochs),
      lr: try Self.rate(values),
      schedule: try Self.schedule(from: decoder),
      adam: try values.decodeIfPresent(Moments.self, forKey: .adam) ?? .keep)
  }

  /// What `lr` says on the command line where the rate is carried on; a file may also have null.
  public static let carriedRate = "carried"

  private static func rate(_ values: KeyedDecodingContainer<Key>) throws -> Double? {
    // To YAML null is a word as well.
    if try values.decodeNil(forKey: .lr) { return nil }
    guard let word = try? values.decode(String.self, forKey: .lr), Double(word) == nil else {
      return try values.decode(Double.self, forKey: .lr)
    }
    guard word == carriedRate else {
      throw DecodingError.dataCorruptedError(
        forKey: .lr, in: values, debugDescription: "expected a rate or '\(carriedRate)', found '\(word)'")
    }
    return nil
  }

  private static func schedule(from decoder: any Decoder) throws -> Schedule {
    let settings = try ScheduleSettings(from: decoder)
    do { return try settings.resolved() } catch {
      throw DecodingError.dataCorrupted(
        .init(codingPath: decoder.codingPath, debugDescription: "\(error)"))
    }
  }

  public func encode(to encoder: any Encoder) throws {
    try ScheduleSettings(schedule).encode(to: encoder)
    var values = encoder.container(keyedBy: Key.self)
    try values.encode(epochs, forKey: .epochs)
    try values.encode(lr, forKey: .lr)
    try values.encode(adam, forKey: .adam)
  }
}

/// A run's one phase said in short: what is not said stays open.
public struct ShortPhase: Equatable, Sendable {
  public var epochs: Int?
  public var lr: Double?
  public var schedule = ScheduleSettings()

  public init() {}

  public var isEmpty: Bool { self == ShortPhase() }

  public var hasOnlyEpochs: Bool {
    var rest = self
    rest.epochs = nil
    return rest.isEmpty
  }

  /// The phase that these say, what they leave open as in `other`.
  ///
  /// - Throws: ``OptionError`` if the schedule's settings do not go together.
  public func filled(from other: Phase) throws -> Phase {
    Phase(
      epochs: epochs ?? other.epochs, lr: lr ?? other.lr,
      schedule: try schedule.filled(from: ScheduleSettings(other.schedule)).resolved(), adam: other.adam)
  }

  /// The only one of `phases`, or nothing if there are several.
  init(_ phases: [Phase]) {
    guard phases.count == 1 else { return }
    epochs = phases[0].epochs
    lr = phases[0].lr
    schedule = ScheduleSettings(phases[0].schedule)
  }
}

extension ShortPhase: Codable {
  private enum Key: String, CodingKey, CaseIterable {
    case epochs, lr, schedule, cycleLength, cycleMult, warmupSteps
  }

  static let keys = Key.allCases.map(\.rawValue)

  public init(from decoder: any Decoder) throws {
    let values = try decoder.container(keyedBy: Key.self)
    epochs = try values.decodeIfPresent(Int.self, forKey: .epochs)
    lr = try values.decodeIfPresent(Double.self, forKey: .lr)
    schedule = try ScheduleSettings(from: decoder)
  }

  /// Writes every key, those that are not set as null.
  public func encode(to encoder: any Encoder) throws {
    var values = encoder.container(keyedBy: Key.self)
    try values.encode(epochs, forKey: .epochs)
    try values.encode(lr, forKey: .lr)
    try values.encode(schedule.schedule, forKey: .schedule)
    try values.encode(schedule.cycleLength, forKey: .cycleLength)
    try values.encode(schedule.cycleMult, forKey: .cycleMult)
    try values.encode(schedule.warmupSteps, forKey: .warmupSteps)
  }
}

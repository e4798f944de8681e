/// A stretch of training with settings of its own.
public struct Phase: Equatable, Sendable {
  public enum Moments: String, CaseIterable, Codable, Sendable {
    /// Go on with Adam's moments as the phase before left them.
    case keep
    /// Start with moments of zero, as a new optimizer does.
    case fresh
  }

  public var epochs: Int
  /// The base learning rate; nil to carry on with the rate at which the phase before ended.
  public var lr: Double?
  public var schedule: Schedule
  public var adam: Moments

  /// Fast, then fine: enough for the built-in corpus.
  public static let standard = [Phase(epochs: 4, lr: 3e-3), Phase(epochs: 2, lr: 5e-4)]

  public init(epochs: Int, lr: Double?, schedule: Schedule = .constant, adam: Moments = .keep) {
    self.epochs = epochs
    self.lr = lr
    self.schedule = schedule
    self.adam = adam
  }
}

/// The names of the schedules and of their settings, as on the command line and, in camel case, in `config.json`.
public struct ScheduleSettings: Codable, Equatable, Sendable {
  public enum Name: String, CaseIterable, Codable, Sendable {
    case constant
    case cosine
    case warmup
    case oneCycle = "one-cycle"
  }

  public var schedule: Name?
  /// With `cosine`: the first cycle's epochs.
  public var cycleLength: Int?
  /// With `cosine`: how many times as long each further cycle is.
  public var cycleMult: Int?
  /// With `warmup`: its steps.
  public var warmupSteps: Int?

  public init() {}

  /// - Throws: ``OptionError`` if a setting does not belong to the schedule, lacks, or is out of range.
  public func resolved() throws -> Schedule {
    let name = schedule ?? .constant
    let settings = [
      ("cycle-length", cycleLength, Name.cosine), ("cycle-mult", cycleMult, .cosine),
      ("warmup-steps", warmupSteps, .warmup),
    ]
    for (option, value, owner) in settings {
      guard let value else { continue }
      guard name == owner else {
        throw OptionError(
          option: option, expected: "schedule \(owner.rawValue) beside it", found: name.rawValue)
      }
      guard value >= 1 else { throw OptionError(option: option, expected: "at least 1", found: "\(value)") }
    }
    switch name {
    case .constant: return .constant
    case .oneCycle: return .oneCycle
    case .cosine:
      return .cosine(CosineRestarts(cycleLength: cycleLength ?? 1, cycleMult: cycleMult ?? 1))
    case .warmup:
      guard let warmupSteps else {
        throw OptionError(option: "warmup-steps", expected: "a number with schedule warmup", found: "none")
      }
      return .warmup(steps: warmupSteps)
    }
  }

  /// These, and what they leave open as in `other`, unless they name another schedule than it does.
  public func filled(from other: ScheduleSettings) -> ScheduleSettings {
    guard schedule == nil || schedule == other.schedule else { return self }
    var filled = self
    filled.schedule = schedule ?? other.schedule
    filled.cycleLength = cycleLength ?? other.cycleLength
    filled.cycleMult = cycleMult ?? other.cycleMult
    filled.warmupSteps = warmupSteps ?? other.warmupSteps
    return filled
  }

  public init(_ schedule: Schedule) {
    switch schedule {
    case .constant: self.schedule = .constant
    case .oneCycle: self.schedule = .oneCycle
    case .cosine(let restarts):
      self.schedule = .cosine
      cycleLength = restarts.cycleLength
      cycleMult = restarts.cycleMult
    case .warmup(let steps):
      self.schedule = .warmup
      warmupSteps = steps
    }
  }
}

// {"epochs": 15, "lr": 0.01, "schedule": "cosine", "cycleLength": 1, "cycleMult": 2, "adam": "keep"}; "lr" is null where
// the rate is carried on.
extension Phase: Codable {
  private enum Key: String, CodingKey {
    case epochs, lr, adam
  }

  public init(from decoder: any Decoder) throws {
    let values = try decoder.container(keyedBy: Key.self)
    self.init(
      epochs: try values.decode(Int.self, forKey: .epochs),
      lr: try values.decodeIfPresent(Double.self, forKey: .lr),
      schedule: try ScheduleSettings(from: decoder).resolved(),
      adam: try values.decodeIfPresent(Moments.self, forKey: .adam) ?? .keep)
  }

  public func encode(to encoder: any Encoder) throws {
    try ScheduleSettings(schedule).encode(to: encoder)
    var values = encoder.container(keyedBy: Key.self)
    try values.encode(epochs, forKey: .epochs)
    try values.encode(lr, forKey: .lr)
    try values.encode(adam, forKey: .adam)
  }
}

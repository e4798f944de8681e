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

  private enum CodingKeys: String, CodingKey, CaseIterable {
    case schedule, cycleLength, cycleMult, warmupSteps
  }

  static let keys = CodingKeys.allCases.map(\.rawValue)

  public init() {}

  /// - Throws: ``OptionError`` if a setting does not belong to the schedule, lacks, or is out of range.
  public func resolved() throws -> Schedule {
    let name = schedule ?? .constant
    let settings = [
      ("cycle-length", cycleLength, 1...Phase.maximumEpochs, Name.cosine),
      ("cycle-mult", cycleMult, 1...1_000, .cosine),
      ("warmup-steps", warmupSteps, 1...1_000_000_000, .warmup),
    ]
    for (option, value, range, owner) in settings {
      guard let value else { continue }
      guard name == owner else {
        throw OptionError(
          option: option, expected: "schedule \(owner.rawValue) beside it", found: name.rawValue)
      }
      guard range.contains(value) else {
        throw OptionError(
          option: option, expected: "\(range.lowerBound) to \(range.upperBound)", found: "\(value)")
      }
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
  func filled(from other: ScheduleSettings) -> ScheduleSettings {
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

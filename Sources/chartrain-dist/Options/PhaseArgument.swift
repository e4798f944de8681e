import ArgumentParser
import Training

/// `--phase epochs=15,lr=1e-2,schedule=cosine,cycle-mult=2,adam=fresh`.
enum PhaseArgument {
  private static let keys = [
    "epochs", "lr", "schedule", "cycle-length", "cycle-mult", "warmup-steps", "adam",
  ]

  @Sendable static func parse(_ text: String) throws -> Phase {
    let values = try pairs(text)
    func number(_ key: String) throws -> Int? { try values[key].map(Number.whole) }
    guard let epochs = try number("epochs") else { throw ValidationError("expected epochs=N") }
    guard let rate = values["lr"] else {
      throw ValidationError("expected lr=RATE or lr=\(Phase.carriedRate)")
    }
    var settings = ScheduleSettings()
    settings.schedule = try values["schedule"].map(Choice.of(ScheduleSettings.Name.self))
    settings.cycleLength = try number("cycle-length")
    settings.cycleMult = try number("cycle-mult")
    settings.warmupSteps = try number("warmup-steps")
    return Phase(
      epochs: epochs, lr: rate == Phase.carriedRate ? nil : try Number.real(rate),
      schedule: try settings.resolved(),
      adam: try values["adam"].map(Choice.of(Phase.Moments.self)) ?? .keep)
  }

  private static func pairs(_ text: String) throws -> [String: String] {
    var values: [String: String] = [:]
    for item in text.split(separator: ",", omittingEmptySubsequences: false) {
      let parts = item.split(separator: "=", maxSplits: 1).map(String.init)
      guard parts.count == 2 else { throw ValidationError("expected key=value, found '\(item)'") }
      guard keys.contains(parts[0]) else { throw UnknownName(parts[0], known: keys) }
      guard values.updateValue(parts[1], forKey: parts[0]) == nil else {
        throw ValidationError("expected '\(parts[0])' once, found it twice")
      }
    }
    return values
  }
}

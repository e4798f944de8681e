import ArgumentParser
import CharModel
import Training

/// Options whose value is one of a few names.
enum Choice {
  /// The case of that name.
  static func of<Value: RawRepresentable & CaseIterable & Sendable>(
    _: Value.Type
  ) -> @Sendable (String) throws -> Value where Value.RawValue == String {
    { name in
      guard let value = Value(rawValue: name) else {
        throw UnknownName(name, known: Value.allCases.map(\.rawValue))
      }
      return value
    }
  }

  /// The names, for the completions of shells.
  static func names<Value: RawRepresentable & CaseIterable>(_: Value.Type) -> CompletionKind
  where Value.RawValue == String { .list(Value.allCases.map(\.rawValue)) }

  /// Steps such as `500`, or minutes such as `10m`.
  @Sendable static func checkpointInterval(_ text: String) throws -> CheckpointInterval {
    guard let interval = CheckpointInterval(text) else {
      throw Number.Malformed(description: "expected a number of steps such as 500, or minutes such as 10m")
    }
    return interval
  }

  /// The cell of that name.
  @Sendable static func cell(_ name: String) throws -> CellKind {
    guard let kind = CellKind(named: name) else { throw UnknownName(name, known: CellKind.all.map(\.name)) }
    return kind
  }
}

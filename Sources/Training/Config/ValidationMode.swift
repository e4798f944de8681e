/// Who validates after each epoch.
public enum ValidationMode: String, CaseIterable, Codable, Sendable {
  /// Rank 0, while the others wait.
  case rank0
  /// Each rank some of the streams.
  case all
  /// Nobody.
  case none
}

import Glibc
import Storage

/// The directory that one run writes: see the README for its files.
public struct RunDirectory: Sendable {
  public let path: String

  public var config: String { path + "/config.json" }
  public var metrics: String { path + "/metrics.jsonl" }
  public var samples: String { path + "/samples.txt" }
  public var checkpoints: String { path + "/checkpoints" }

  /// `name` is `last`, `best`, `step-K` or `cycle-K`.
  public func checkpoint(_ name: String) -> String { "\(checkpoints)/\(name).safetensors" }

  /// Makes the directory, which must not hold a run already.
  ///
  /// - Parameter path: nil for `runs/<date-time>`.
  /// - Throws: ``OptionError`` if there is a run in it, `StorageError`.
  public init(creating path: String?) throws {
    self.path = path ?? Self.unusedDefault()
    guard kind(of: config) == .nothing else {
      throw OptionError(
        option: "run-dir", expected: "a directory without a run", found: "one in '\(self.path)'")
    }
    try makeDirectories(checkpoints)
  }

  private static func unusedDefault() -> String {
    var now = time(nil)
    var local = tm()
    localtime_r(&now, &local)
    let stamp = withUnsafeTemporaryAllocation(of: CChar.self, capacity: 32) { buffer in
      buffer.initialize(repeating: 0)
      strftime(buffer.baseAddress!, buffer.count, "runs/%Y-%m-%d_%H-%M-%S", &local)
      return String(cString: buffer.baseAddress!)
    }
    let candidates = [stamp] + (2...1000).map { "\(stamp)-\($0)" }
    return candidates.first { kind(of: $0) == .nothing } ?? stamp
  }
}

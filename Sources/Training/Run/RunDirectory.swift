import Glibc
import Storage

/// The directory that one run writes: see the README for its files.
public struct RunDirectory: Sendable {
  public let path: String

  public var config: String { path + "/config.json" }
  public var metrics: String { path + "/metrics.jsonl" }
  public var samples: String { path + "/samples.txt" }
  /// Of `lr-find`, which is no run.
  public var rateFinderCurve: String { path + "/lr-find.json" }
  public var checkpoints: String { path + "/checkpoints" }

  /// `name` is `last`, `previous`, `best`, `best-of-epochs`, `step-K` or `cycle-K`.
  public func checkpoint(_ name: String) -> String { Self.checkpoint(name, in: path) }

  /// That of any run.
  public static func checkpoint(_ name: String, in directory: String) -> String {
    "\(directory)/checkpoints/\(name).safetensors"
  }

  /// A file's own path, or that of the checkpoint which a run's directory is asked for.
  ///
  /// - Parameters:
  ///   - path: of a file, or of a run's directory.
  ///   - names: those of a run's checkpoints to look for, the first that is there counts.
  public static func checkpointFile(of path: String, names: [String] = ["best", "last"]) -> String {
    guard case .directory = kind(of: path) else { return path }
    let files = names.map { checkpoint($0, in: path) }
    return files.first { kind(of: $0) != .nothing } ?? path
  }

  /// What `best` was before a run stopped within an epoch, with a better model then.
  var bestAside: String { checkpoint("best-of-epochs") }

  /// Gives the `best` that there is a second name.
  ///
  /// - Throws: `StorageError`.
  func setBestAside() throws {
    if kind(of: checkpoint("best")) != .nothing { try linkAtomically(checkpoint("best"), as: bestAside) }
  }

  /// Makes `best` again what has been set aside, if anything has.
  ///
  /// - Throws: `StorageError`.
  func takeBackBest() throws {
    guard kind(of: bestAside) != .nothing else { return }
    try linkAtomically(bestAside, as: checkpoint("best"))
    try removeFile(bestAside)
  }

  /// The paths of the checkpoints that a run has written here; other files in their directory are somebody else's.
  var checkpointFiles: [String] {
    get throws {
      guard kind(of: checkpoints) != .nothing else { return [] }
      return try namesOfFiles(in: checkpoints).map { checkpoints + "/" + $0 }.filter { path in
        ["last", "previous", "best"].map(checkpoint).contains(path) || path == bestAside
          || number(of: path, behind: "step-") != nil || number(of: path, behind: "cycle-") != nil
      }
    }
  }

  /// The paths of the `step-K` there are.
  var stepCheckpoints: [String] {
    get throws { try checkpointFiles.filter { step(of: $0) != nil } }
  }

  /// K of the path of a `step-K`, nil of any other.
  func step(of path: String) -> Int? { number(of: path, behind: "step-") }

  private func number(of path: String, behind name: String) -> Int? {
    let (prefix, suffix) = (checkpoints + "/" + name, ".safetensors")
    guard path.hasPrefix(prefix), path.hasSuffix(suffix) else { return nil }
    let digits = path.dropFirst(prefix.count).dropLast(suffix.count)
    return digits.allSatisfy { ("0"..."9").contains($0) } ? Int(digits) : nil
  }

  /// Makes the directory, which must not hold a run already.
  ///
  /// - Parameter path: nil for `runs/<date-time>`.
  /// - Throws: ``OptionError`` if there is a run in it, `StorageError`.
  public init(creating path: String?) throws {
    if let path {
      self.path = path
      guard kind(of: config) == .nothing, try checkpointFiles.isEmpty else {
        throw OptionError(
          option: "run-dir", expected: "a directory without a run",
          found: kind(of: rateFinderCurve) == .nothing
            ? "one in '\(path)'; choose another, or go on with that one by --resume"
            : "that of lr-find in '\(path)'; choose another")
      }
    } else {
      self.path = try Self.newDefault()
    }
    try makeDirectories(self.path)
  }

  /// Makes it, and writes the options into it of what is not a run.
  ///
  /// - Throws: as ``init(creating:)``.
  public init(creating path: String?, with config: TrainingConfig) throws {
    try self.init(creating: path)
    var config = config
    config.runDir = self.path
    try write(RunDescription(config: config, placement: []))
  }

  /// Writes `config.json`.
  ///
  /// - Throws: `StorageError`.
  func write(_ description: RunDescription) throws {
    let page = try JSON.page(description) + "\n"
    try writeAtomically(to: self.config) { try $0.write(page) }
  }

  /// Makes it again where somebody has taken it away.
  ///
  /// - Throws: `StorageError`.
  func restore(_ description: RunDescription) throws {
    if kind(of: checkpoints) != .directory { try makeDirectories(checkpoints) }
    if kind(of: config) == .nothing { try write(description) }
  }

  /// Keeps other processes from writing the same run, for as long as the lock is there. Waits for a process that is just ending: after mpirun
  /// has been killed, its ranks live for another second.
  ///
  /// - Throws: ``RunInUse`` if another process writes this run, `StorageError`.
  func lock() throws -> FileLock {
    for _ in 0..<30 {
      if let lock = try FileLock(at: lockPath) { return lock }
      usleep(100_000)
    }
    throw RunInUse(path: path)
  }

  /// Whether this process may write in it.
  var isWritable: Bool { access(path, W_OK | X_OK) == 0 }

  /// Whether a process writes it now.
  var isInUse: Bool { FileLock.isHeld(at: lockPath) }

  private var lockPath: String { path + "/.lock" }

  /// Makes `runs/<date-time>`, or one with a number behind it where another run started in the same second.
  private static func newDefault() throws -> String {
    var now = time(nil)
    var local = tm()
    localtime_r(&now, &local)
    let name = withUnsafeTemporaryAllocation(of: CChar.self, capacity: 32) { buffer in
      buffer.initialize(repeating: 0)
      strftime(buffer.baseAddress!, buffer.count, "%Y-%m-%d_%H-%M-%S", &local)
      return String(cString: buffer.baseAddress!)
    }
    try makeDirectories(parent)
    var path = "\(parent)/\(name)"
    var number = 1
    while try !makeNewDirectory(path) {
      number += 1
      path = "\(parent)/\(name)-\(number)"
    }
    return path
  }

  private static let parent = "runs"
}

/// A run that another process writes.
public struct RunInUse: Error, CustomStringConvertible {
  public let path: String

  public var description: String {
    "the run in '\(path)': expected one that has ended, found one that another process goes on with"
  }
}

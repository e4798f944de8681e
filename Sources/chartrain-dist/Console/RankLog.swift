import Glibc
import Logging
import Ranks
import Storage
import Synchronization
import Training

/// The log of this process's rank, where the user has asked for one: a file of lines, each with its time, host and rank.
enum RankLog {
  private struct Open {
    let file: RunLog
    /// The host and the rank.
    let name: String
  }

  private static let open = Mutex<Open?>(nil)

  /// Adds to `rank-K.log` in `directory` from now on.
  ///
  /// - Throws: `StorageError`.
  static func begin(in directory: String, _ world: any World) throws {
    try makeDirectories(directory)
    let path = "\(directory)/rank-\(world.rank).log"
    let name = "\(world.host) rank \(world.rank)"
    try open.withLock {
      let file = try RunLog(path) { Terminal.writeError("chartrain-dist: warning: \($0) (\(name))") }
      $0 = Open(file: file, name: name)
    }
  }

  /// Adds a line, if there is a log.
  static func add(_ line: String) {
    open.withLock { log in log?.file.add("\(now()) \(log!.name) \(line)\n") }
  }

  /// Such as `2026-11-27T15:04:05.678Z`.
  private static func now() -> String {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    var parts = tm()
    gmtime_r(&time.tv_sec, &parts)
    return withUnsafeTemporaryAllocation(of: CChar.self, capacity: 32) { buffer in
      buffer.initialize(repeating: 0)
      strftime(buffer.baseAddress!, buffer.count, "%Y-%m-%dT%H:%M:%S", &parts)
      return String(cString: buffer.baseAddress!) + "." + "\(1000 + time.tv_nsec / 1_000_000)".dropFirst()
        + "Z"
    }
  }
}

/// Adds each log message to this rank's log.
struct RankLogHandler: LogHandler {
  var metadata: Logger.Metadata = [:]
  var logLevel = Logger.Level.debug

  subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  func log(event: LogEvent) { RankLog.add("\(event.level): \("\(event.message)".inOneVisibleLine)") }
}

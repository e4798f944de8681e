import Logging
import Storage

/// A file to which a run adds lines. Where the storage takes none, the run goes on without: the lines are lost and counted, which is said once,
/// and once more when it takes lines again.
final class RunLog {
  private let path: String
  private let logger: Logger
  private var file: OutputFile
  /// In a row.
  private var lostLines = 0
  /// Times that the storage began to take no lines.
  private(set) var failures = 0

  /// - Throws: `StorageError` if the file cannot be opened.
  init(_ path: String, _ logger: Logger) throws {
    self.path = path
    self.logger = logger
    file = try OutputFile(appendingTo: path)
  }

  func add(_ line: String) {
    do {
      try file.append(line)
      if lostLines > 0 { logger.warning("'\(path)' takes lines again; \(lostLines) were lost") }
      lostLines = 0
    } catch {
      if lostLines == 0 {
        failures += 1
        logger.warning("\(error): training goes on without")
      }
      lostLines += 1
    }
  }

  /// Opens the file again, which may be another now.
  ///
  /// - Throws: `StorageError`.
  func reopen() throws { file = try OutputFile(appendingTo: path) }
}

import Logging
import Storage

/// A file to which a run adds lines. Where the storage takes none, the run goes on without: the lines are lost and counted, which is said once,
/// and once more when it takes lines again.
final class RunLog {
  private let path: String
  private let logger: Logger
  private var file: OutputFile
  private(set) var lostLines = 0
  private var lostInARow = 0

  /// - Throws: `StorageError` if the file cannot be opened.
  init(_ path: String, _ logger: Logger) throws {
    self.path = path
    self.logger = logger
    file = try OutputFile(appendingTo: path)
  }

  func add(_ line: String) {
    do {
      // Somebody may have taken it away.
      if kind(of: path) == .nothing { file = try OutputFile(appendingTo: path) }
      try file.append(line)
      if lostInARow > 0 { logger.warning("'\(path)' takes lines again; \(lostInARow) were lost") }
      lostInARow = 0
    } catch {
      if lostInARow == 0 { logger.warning("\(error): training goes on without") }
      lostInARow += 1
      lostLines += 1
    }
  }
}

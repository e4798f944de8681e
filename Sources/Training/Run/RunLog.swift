import Storage

/// A file to which lines are added while a run goes on. Where the storage takes none, the run goes on without: the lines are lost and counted, which is said once,
/// and once more when it takes lines again.
public final class RunLog {
  private let path: String
  private let warn: (String) -> Void
  private var file: OutputFile
  public private(set) var lostLines = 0
  private var lostInARow = 0

  /// - Throws: `StorageError` if the file cannot be opened.
  public init(_ path: String, warn: @escaping (String) -> Void) throws {
    self.path = path
    self.warn = warn
    file = try OutputFile(appendingTo: path)
  }

  public func add(_ line: String) { add(Array(line.utf8)) }

  /// A record that is no text.
  public func add(_ line: [UInt8]) {
    do {
      // Somebody may have taken it away.
      if kind(of: path) == .nothing { file = try OutputFile(appendingTo: path) }
      try file.append(line)
      if lostInARow > 0 { warn("'\(path)' takes lines again; \(lostInARow) were lost") }
      lostInARow = 0
    } catch {
      if lostInARow == 0 { warn("\(error): training goes on without") }
      lostInARow += 1
      lostLines += 1
    }
  }
}

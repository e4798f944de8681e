import Storage

/// A file to which lines are added while a run goes on. Where the storage takes none, the run goes on without: this is said once, and once more when it takes
/// lines again.
public final class RunLog {
  private let path: String
  private let warn: (String) -> Void
  private var file: OutputFile
  /// Lines that wait until the storage takes any, and their bytes.
  private var waiting: [[UInt8]] = []
  private var waitingBytes = 0
  private var lost = 0
  private var lostInARow = 0
  private var isRefused = false

  /// The bytes of lines that may wait.
  private static let capacity = 1 << 20

  /// - Throws: `StorageError` if the file cannot be opened.
  public init(_ path: String, warn: @escaping (String) -> Void) throws {
    self.path = path
    self.warn = warn
    file = try OutputFile(appendingTo: path)
  }

  /// Those that will not be in the file, or are not there yet.
  public var lostLines: Int { lost + waiting.count }

  public func add(_ line: String, isKept: Bool = false) { add(Array(line.utf8), isKept: isKept) }

  /// - Parameters:
  ///   - line: may be a record that is no text.
  ///   - isKept: whether it is worth adding later where the storage takes nothing now.
  public func add(_ line: [UInt8], isKept: Bool = false) {
    do {
      // Somebody may have taken it away, or have put another in its place.
      if !file.isStill(at: path) { file = try OutputFile(appendingTo: path) }
      try file.append(Array(waiting.joined()) + line)
    } catch {
      return keep(line, isKept: isKept, error)
    }
    guard isRefused else { return }
    let missing = lostInARow
    waiting = []
    (waitingBytes, lostInARow, isRefused) = (0, 0, false)
    warn("'\(path)' takes lines again\(missing == 0 ? "" : "; \(missing) were lost")")
  }

  /// Tries once more with the lines that wait.
  public func addWaiting() { if !waiting.isEmpty { add([]) } }

  /// Forgets the lines that wait.
  public func discardWaiting() {
    lost += waiting.count
    lostInARow += waiting.count
    (waiting, waitingBytes) = ([], 0)
  }

  private func keep(_ line: [UInt8], isKept: Bool, _ error: any Error) {
    if line.isEmpty { return }
    if isKept, waitingBytes + line.count <= Self.capacity {
      waiting.append(line)
      waitingBytes += line.count
    } else {
      lost += 1
      lostInARow += 1
    }
    guard !isRefused else { return }
    isRefused = true
    warn("\(error): training goes on without")
  }
}

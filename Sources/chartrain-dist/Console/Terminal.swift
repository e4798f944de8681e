import FoundationEssentials
import Glibc
import Ranks
import Storage
import Synchronization

/// The user's terminal, if there is one.
enum Terminal {
  /// Standard output, or standard error.
  enum Stream: Int32 {
    case output = 1
    case error = 2
  }

  /// Writes at once.
  static func write(_ text: String, to stream: Stream = .output) { write(Array(text.utf8), to: stream) }
  static func write(_ bytes: [UInt8], to stream: Stream = .output) { writeAll(bytes, to: stream) }

  /// Writes one line to standard error at once, in one piece, so that lines of several ranks do not mix.
  static func writeError(_ line: String) {
    clearBar()
    write(line + "\n", to: .error)
  }

  // MARK: A line that is drawn anew

  /// Where there is one. Lines may come from several threads.
  private static let bar = Mutex<Stream?>(nil)

  /// Draws `text` in the terminal's last line, over what has been drawn there before.
  static func drawBar(_ text: String, on stream: Stream) {
    bar.withLock {
      $0 = stream
      write("\r\u{1B}[K" + text, to: stream)
    }
  }

  /// Takes it away, so that something else can be written.
  static func clearBar() {
    bar.withLock {
      if let stream = $0 { write("\r\u{1B}[K", to: stream) }
      $0 = nil
    }
  }

  // MARK: What there is

  /// Whether Open MPI has started this process.
  private static let isUnderMPI =
    (try? Launch(environment: ProcessInfo.processInfo.environment).isMPI) == true

  /// Whether what this process writes to `stream` ends on a terminal.
  ///
  /// Under mpirun each rank's output is a pseudo-terminal whatever mpirun's own output is, so that one counts: the
  /// nearest mpirun above this process, if it runs on this machine.
  static func isTerminal(_ stream: Stream = .output) -> Bool {
    isUnderMPI ? launcherTerminal(of: stream) != nil : isatty(stream.rawValue) == 1
  }

  /// Whether lines can be drawn anew there.
  static func canDraw(on stream: Stream = .output) -> Bool {
    ProcessInfo.processInfo.environment["TERM"] != "dumb" && isTerminal(stream)
  }

  /// Whether this process may colour its output. See https://no-color.org.
  static var allowsColors: Bool {
    let isUnwanted = ProcessInfo.processInfo.environment["NO_COLOR"]?.isEmpty == false
    return !isUnwanted && canDraw()
  }

  /// The terminal's width in columns, 80 where it does not say.
  static func columns(_ stream: Stream = .output) -> Int {
    size(stream).flatMap { $0.ws_col > 0 ? Int($0.ws_col) : nil } ?? 80
  }

  /// The terminal's height in rows, 24 where it does not say.
  static func rows(_ stream: Stream = .output) -> Int {
    size(stream).flatMap { $0.ws_row > 0 ? Int($0.ws_row) : nil } ?? 24
  }

  private static func size(_ stream: Stream) -> winsize? {
    let path = isUnderMPI ? launcherTerminal(of: stream) : nil
    let descriptor = path.map { open($0, O_WRONLY | O_NOCTTY) } ?? stream.rawValue
    defer { if path != nil { close(descriptor) } }
    var size = winsize()
    return ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0 ? size : nil
  }

  private static let launchers: Set<String> = ["mpirun", "orterun", "mpiexec", "prterun", "mpirun.openmpi"]

  /// The terminal device to which the nearest launcher above this process writes its `stream`.
  private static func launcherTerminal(of stream: Stream) -> String? {
    var process = getppid()
    while process > 1 {
      guard let stat = try? String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8),
        let nameStart = stat.firstIndex(of: "("), let nameEnd = stat.lastIndex(of: ")")
      else { return nil }
      let name = String(stat[stat.index(after: nameStart)..<nameEnd])
      if launchers.contains(name) {
        let output = try? FileManager.default.destinationOfSymbolicLink(
          atPath: "/proc/\(process)/fd/\(stream.rawValue)")
        return output.flatMap { $0.hasPrefix("/dev/pts/") || $0.hasPrefix("/dev/tty") ? $0 : nil }
      }
      let fields = stat[stat.index(after: nameEnd)...].split(separator: " ")
      process = fields.count > 1 ? pid_t(fields[1]) ?? 0 : 0
    }
    return nil
  }

  // MARK: Writing

  /// What was wrong where standard output has not taken everything.
  private static let failure = Mutex<Int32?>(nil)

  /// For commands whose result is what they write.
  ///
  /// - Throws: `StorageError` if standard output has not taken all of it.
  static func checkOutput() throws {
    // Whatever the standard library still holds.
    if fflush(nil) != 0 { failure.withLock { $0 = $0 ?? errno } }
    if let code = failure.withLock({ $0 }) { throw StorageError("write", "standard output", code: code) }
  }

  private static func writeAll(_ bytes: [UInt8], to stream: Stream) {
    var written = 0
    while written < bytes.count {
      let count = bytes.withUnsafeBytes {
        Glibc.write(stream.rawValue, $0.baseAddress! + written, bytes.count - written)
      }
      if count < 0, errno == EINTR { continue }
      if count <= 0 {
        // Where nobody reads what is wrong, there is nowhere to say so.
        if stream == .output { failure.withLock { $0 = errno } }
        return
      }
      written += count
    }
  }
}

import FoundationEssentials
import Glibc

/// The user's terminal, if there is one.
enum Terminal {
  /// Standard output, or standard error.
  enum Stream: Int32 {
    case output = 1
    case error = 2
  }

  /// Writes at once.
  static func write(_ text: String, to stream: Stream = .output) { write(Array(text.utf8), to: stream) }
  static func write(_ bytes: [UInt8], to stream: Stream = .output) { writeAll(bytes, to: stream.rawValue) }

  /// Writes one line to standard error at once, in one piece, so that lines of several ranks do not mix.
  static func writeError(_ line: String) { write(line + "\n", to: .error) }

  /// Whether what this process writes to `stream` ends on a terminal.
  ///
  /// Under mpirun each rank's output is a pseudo-terminal whatever mpirun's own output is, so that one counts: the
  /// nearest mpirun above this process, if it runs on this machine.
  static func shows(_ stream: Stream = .output, underMPI: Bool) -> Bool {
    guard ProcessInfo.processInfo.environment["TERM"] != "dumb" else { return false }
    return underMPI ? launcherTerminal(of: stream) != nil : isatty(stream.rawValue) == 1
  }

  /// Whether this process, without mpirun, may colour its output. See https://no-color.org.
  static var allowsColors: Bool {
    let isUnwanted = ProcessInfo.processInfo.environment["NO_COLOR"]?.isEmpty == false
    return !isUnwanted && shows(underMPI: false)
  }

  /// The terminal's width in columns, 80 where it does not say.
  static func columns(_ stream: Stream = .output, underMPI: Bool) -> Int {
    let path = underMPI ? launcherTerminal(of: stream) : nil
    let descriptor = path.map { open($0, O_WRONLY | O_NOCTTY) } ?? stream.rawValue
    defer { if path != nil { close(descriptor) } }
    var size = winsize()
    guard ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return 80 }
    return Int(size.ws_col)
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

  private static func writeAll(_ bytes: [UInt8], to descriptor: Int32) {
    var written = 0
    while written < bytes.count {
      let count = bytes.withUnsafeBytes {
        Glibc.write(descriptor, $0.baseAddress! + written, bytes.count - written)
      }
      if count < 0, errno == EINTR { continue }
      // Whatever else is wrong with the terminal, there is nowhere to say so.
      if count <= 0 { return }
      written += count
    }
  }
}

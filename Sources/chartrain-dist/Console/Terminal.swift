import FoundationEssentials
import Glibc

/// The user's terminal, if there is one.
enum Terminal {
  /// Writes to standard output at once.
  static func write(_ text: String) { writeAll(Array(text.utf8), to: STDOUT_FILENO) }
  static func write(_ bytes: [UInt8]) { writeAll(bytes, to: STDOUT_FILENO) }

  /// Writes one line to standard error at once, in one piece, so that lines of several ranks do not mix.
  static func writeError(_ line: String) { writeAll(Array((line + "\n").utf8), to: STDERR_FILENO) }

  /// Whether what this process writes to standard output ends on a terminal.
  ///
  /// Under mpirun each rank's output is a pseudo-terminal whatever mpirun's own output is, so that one counts: the
  /// nearest mpirun above this process, if it runs on this machine.
  static func outputIsTerminal(underMPI: Bool) -> Bool {
    guard ProcessInfo.processInfo.environment["TERM"] != "dumb" else { return false }
    return underMPI ? launcherOutput() != nil : isatty(STDOUT_FILENO) == 1
  }

  /// Whether this process, without mpirun, may colour its output. See https://no-color.org.
  static var allowsColors: Bool {
    let isUnwanted = ProcessInfo.processInfo.environment["NO_COLOR"]?.isEmpty == false
    return !isUnwanted && outputIsTerminal(underMPI: false)
  }

  /// The terminal's width in columns, 80 where it does not say.
  static func columns(underMPI: Bool) -> Int {
    let path = underMPI ? launcherOutput() : nil
    let descriptor = path.map { open($0, O_WRONLY | O_NOCTTY) } ?? STDOUT_FILENO
    defer { if path != nil { close(descriptor) } }
    var size = winsize()
    guard ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return 80 }
    return Int(size.ws_col)
  }

  private static let launchers: Set<String> = ["mpirun", "orterun", "mpiexec", "prterun", "mpirun.openmpi"]

  /// The terminal device that the nearest launcher above this process writes to.
  private static func launcherOutput() -> String? {
    var process = getppid()
    while process > 1 {
      guard let stat = try? String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8),
        let nameStart = stat.firstIndex(of: "("), let nameEnd = stat.lastIndex(of: ")")
      else { return nil }
      let name = String(stat[stat.index(after: nameStart)..<nameEnd])
      if launchers.contains(name) {
        let output = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(process)/fd/1")
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

import Foundation
import Glibc
import Synchronization

/// A program of this package, run as a user runs it.
public enum Program {
  public struct Outcome: Sendable {
    /// -1 if it had to be killed because it took too long.
    public let status: Int32
    public let output: String
    public let errors: String
    /// What the program itself says on standard error; Open MPI has its own remarks about some machines.
    public var errorLines: [Substring] {
      errors.split(separator: "\n").filter { $0.hasPrefix("chartrain-dist: ") }
    }
  }

  /// Where the build puts programs: beside the running test.
  public static let directory = URL(
    fileURLWithPath: (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
  ).deletingLastPathComponent()

  public static func path(_ name: String) -> String { directory.appendingPathComponent(name).path }

  /// A product of this package as `launch/variants` has built it in another way, or nil if it has not.
  public static func variant(_ product: String, _ name: String, configuration: String) -> String? {
    guard ProcessInfo.processInfo.environment["QUICK"] != "1" else { return nil }
    let path = directory.deletingLastPathComponent().deletingLastPathComponent()
      .appendingPathComponent("\(name)/\(configuration)/\(product)").path
    return FileManager.default.isExecutableFile(atPath: path) ? path : nil
  }

  /// Runs `name` of this package on `ranks` ranks under mpirun, or without mpirun where `ranks` is nil.
  public static func run(
    _ name: String, _ arguments: [String], ranks: Int? = nil, environment: [String: String] = [:],
    currentDirectory: String? = nil, secondsAllowed: Double = 120
  ) throws -> Outcome {
    try RunningProgram(
      name, arguments, ranks: ranks, environment: environment, currentDirectory: currentDirectory
    ).outcome(secondsAllowed: secondsAllowed)
  }

  /// Runs any command, its first word found on the PATH.
  ///
  /// - Parameter input: what it finds on its standard input.
  public static func run(
    _ command: [String], environment: [String: String] = [:], currentDirectory: String? = nil,
    input: String? = nil, secondsAllowed: Double = 120
  ) throws -> Outcome {
    try RunningProgram(command, environment: environment, currentDirectory: currentDirectory, input: input)
      .outcome(secondsAllowed: secondsAllowed)
  }

  /// So that mpirun starts four ranks whoever runs the tests and however few the cores are.
  fileprivate static let mpiSettings = [
    "OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
    "OMPI_MCA_rmaps_base_oversubscribe": "1", "OMPI_MCA_mpi_yield_when_idle": "1",
  ]
}

/// A program while it runs.
public final class RunningProgram {
  /// mpirun's, where that has started it.
  public var process: pid_t { child.processIdentifier }

  private let child = Process()
  private let ended = DispatchSemaphore(value: 0)
  private let scratch = TemporaryDirectory()
  private let underMPI: Bool
  private static let starting = Mutex(())

  /// What was waited for has not come: its time is over, or the program has ended before.
  public struct Late: Error, CustomStringConvertible {
    public let description: String
  }

  /// Starts `name` of this package on `ranks` ranks under mpirun, or without mpirun where `ranks` is nil.
  public convenience init(
    _ name: String, _ arguments: [String], ranks: Int?, environment: [String: String] = [:],
    currentDirectory: String? = nil
  ) throws {
    let launcher = ranks.map { ["mpirun", "-q", "-n", "\($0)"] } ?? []
    try self.init(
      launcher + [Program.path(name)] + arguments, environment: environment,
      currentDirectory: currentDirectory)
  }

  /// Starts any command, its first word found on the PATH.
  public init(
    _ command: [String], environment: [String: String] = [:], currentDirectory: String? = nil,
    input: String? = nil
  ) throws {
    underMPI = command[0] == "mpirun"
    child.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    child.arguments = command
    child.environment = ProcessInfo.processInfo.environment.merging(Program.mpiSettings) { own, _ in own }
      .merging(environment) { _, new in new }
    if let currentDirectory { child.currentDirectoryURL = URL(fileURLWithPath: currentDirectory) }
    // Files rather than pipes: nobody need read them while the program runs.
    func file(_ name: String) -> FileHandle? {
      let path = scratch.path(name)
      _ = FileManager.default.createFile(atPath: path, contents: nil)
      return FileHandle(forWritingAtPath: path)
    }
    let (output, errors) = (file("output"), file("errors"))
    child.standardOutput = output
    child.standardError = errors
    child.standardInput = FileHandle.nullDevice
    let given = input.flatMap { FileHandle(forReadingAtPath: scratch.write("input", $0)) }
    if let given { child.standardInput = given }
    // The program has its own by then. Foundation would keep these for ever; with more than a thousand files open it crashes when it starts the next one
    // (swift-corelibs-foundation #5472).
    defer { for file in [output, errors, given] { try? file?.close() } }
    child.terminationHandler = { [ended] _ in ended.signal() }
    // Tests run on threads that block signals, which a program would inherit.
    var (none, before) = (sigset_t(), sigset_t())
    sigemptyset(&none)
    pthread_sigmask(SIG_SETMASK, &none, &before)
    defer { pthread_sigmask(SIG_SETMASK, &before, nil) }
    // Foundation's way of starting a process does not bear to be gone by two threads at once.
    try Self.starting.withLock { _ in try child.run() }
  }

  deinit {
    guard child.isRunning else { return }
    for process in ranks + [process] { kill(process, SIGKILL) }
  }

  /// Its processes, in the order of ranks.
  public var ranks: [pid_t] {
    guard underMPI else { return [process] }
    func rank(_ process: pid_t) -> Int? {
      let environment = FileManager.default.contents(atPath: "/proc/\(process)/environ") ?? Data()
      let prefix = "OMPI_COMM_WORLD_RANK="
      let entry = environment.split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
        .first { $0.hasPrefix(prefix) }
      return entry.flatMap { Int($0.dropFirst(prefix.count)) }
    }
    return Self.children(of: process).compactMap { child in rank(child).map { (rank: $0, process: child) } }
      .sorted { $0.rank < $1.rank }.map(\.process)
  }

  /// The processes of a program that have been given `argument`.
  public static func processes(withArgument argument: String, named name: String) -> [pid_t] {
    let all = (try? FileManager.default.contentsOfDirectory(atPath: "/proc"))?.compactMap { pid_t($0) } ?? []
    return all.filter { process in
      let line = FileManager.default.contents(atPath: "/proc/\(process)/cmdline") ?? Data()
      let words = line.split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
      return words.first?.hasSuffix(name) == true && words.contains(argument)
    }
  }

  /// What a process has in memory, nil if there is none any more.
  public static func residentKiB(_ process: pid_t) -> Double? {
    let status = FileManager.default.contents(atPath: "/proc/\(process)/status") ?? Data()
    let line = String(decoding: status, as: UTF8.self).split(separator: "\n").first { $0.hasPrefix("VmRSS:") }
    return line?.split(separator: " ").dropLast().last.flatMap {
      Double($0.trimmingCharacters(in: .whitespaces))
    }
  }

  /// Whether there is such a process, and not only what its parent has yet to ask of it.
  private static func isAlive(_ process: pid_t) -> Bool {
    guard let stat = FileManager.default.contents(atPath: "/proc/\(process)/stat") else { return false }
    return String(decoding: stat, as: UTF8.self).split(separator: ")").last?.hasPrefix(" Z") == false
  }

  /// Whether these processes have ended, or do so soon.
  public static func haveEnded(_ processes: [pid_t], secondsAllowed: Double = 30) -> Bool {
    let end = Date() + secondsAllowed
    while processes.contains(where: isAlive) {
      guard Date() < end else { return false }
      usleep(2000)
    }
    return true
  }

  /// Returns when `condition` holds.
  ///
  /// - Throws: ``Late`` if that takes too long, or the program ends before.
  public func wait(secondsAllowed: Double = 60, until condition: () -> Bool) throws {
    let end = Date() + secondsAllowed
    while !condition() {
      guard child.isRunning else {
        throw Late(
          description: "the program ended with status \(child.terminationStatus): \(errorsSoFar.suffix(2000))"
        )
      }
      guard Date() < end else {
        throw Late(description: "nothing within \(secondsAllowed) s: \(errorsSoFar.suffix(2000))")
      }
      usleep(2000)
    }
  }

  /// What it has written to standard output.
  public var outputSoFar: String { text("output") }

  /// What it has written to standard error.
  public var errorsSoFar: String { text("errors") }

  private func text(_ name: String) -> String {
    String(decoding: FileManager.default.contents(atPath: scratch.path(name)) ?? Data(), as: UTF8.self)
  }

  /// Whether this program has started others, and all of them are dead, and have been whenever this was asked for so long.
  public func hasOnlyDeadRanks(forSeconds seconds: Double) -> Bool {
    let children = Self.children(of: process)
    guard !children.isEmpty, !children.contains(where: Self.isAlive) else {
      deadSince = nil
      return false
    }
    let since = deadSince ?? Date()
    deadSince = since
    return Date().timeIntervalSince(since) >= seconds
  }

  /// Those that nobody has asked for yet are among them.
  private static func children(of parent: pid_t) -> [pid_t] {
    let all = (try? FileManager.default.contentsOfDirectory(atPath: "/proc"))?.compactMap { pid_t($0) } ?? []
    return all.filter { process in
      let stat = FileManager.default.contents(atPath: "/proc/\(process)/stat") ?? Data()
      // The parent comes after the name in brackets and the state.
      let fields =
        String(decoding: stat, as: UTF8.self).split(separator: ")").last?.split(separator: " ") ?? []
      return fields.count > 1 && pid_t(fields[1]) == parent
    }
  }

  private var deadSince: Date?

  /// Waits for its end.
  ///
  /// - Parameter meanwhile: called now and then.
  public func outcome(secondsAllowed: Double = 120, meanwhile: () -> Void = {}) throws -> Program.Outcome {
    let end = DispatchTime.now() + secondsAllowed
    var inTime = false
    while !inTime, DispatchTime.now() < end {
      inTime = ended.wait(timeout: min(end, .now() + 1)) == .success
      if !inTime { meanwhile() }
    }
    if !inTime {
      child.terminate()
      _ = ended.wait(timeout: .now() + 10)
    }
    return Program.Outcome(
      status: inTime ? child.terminationStatus : -1, output: text("output"), errors: text("errors"))
  }
}

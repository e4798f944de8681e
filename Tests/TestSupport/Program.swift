import Foundation

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

  /// The program as `launch/variants` has built it once more, or nil if it has not.
  public static func variant(_ name: String, configuration: String) -> String? {
    guard ProcessInfo.processInfo.environment["QUICK"] != "1" else { return nil }
    let path = directory.deletingLastPathComponent().deletingLastPathComponent()
      .appendingPathComponent("\(name)/\(configuration)/chartrain-dist").path
    return FileManager.default.isExecutableFile(atPath: path) ? path : nil
  }

  /// Runs `name` of this package on `ranks` ranks under mpirun, or without mpirun where `ranks` is nil.
  public static func run(
    _ name: String, _ arguments: [String], ranks: Int? = nil, environment: [String: String] = [:],
    currentDirectory: String? = nil, secondsAllowed: Double = 120
  ) throws -> Outcome {
    var command = [path(name)] + arguments
    if let ranks { command = ["mpirun", "-q", "-n", "\(ranks)"] + command }
    return try run(
      command, environment: environment, currentDirectory: currentDirectory, secondsAllowed: secondsAllowed)
  }

  /// Runs any command, its first word found on the PATH.
  public static func run(
    _ command: [String], environment: [String: String] = [:], currentDirectory: String? = nil,
    secondsAllowed: Double = 120
  ) throws -> Outcome {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = command
    process.environment = ProcessInfo.processInfo.environment.merging(mpiSettings) { own, _ in own }
      .merging(environment) { _, new in new }
    if let currentDirectory { process.currentDirectoryURL = URL(fileURLWithPath: currentDirectory) }
    // Files rather than pipes: nobody need read them while the program runs.
    let scratch = TemporaryDirectory()
    let (output, errors) = (scratch.path("output"), scratch.path("errors"))
    for path in [output, errors] { _ = FileManager.default.createFile(atPath: path, contents: nil) }
    process.standardOutput = FileHandle(forWritingAtPath: output)
    process.standardError = FileHandle(forWritingAtPath: errors)
    process.standardInput = FileHandle.nullDevice
    let ended = DispatchSemaphore(value: 0)
    process.terminationHandler = { _ in ended.signal() }
    try process.run()
    let inTime = ended.wait(timeout: .now() + secondsAllowed) == .success
    if !inTime {
      process.terminate()
      _ = ended.wait(timeout: .now() + 10)
    }
    func text(_ path: String) -> String {
      String(decoding: FileManager.default.contents(atPath: path) ?? Data(), as: UTF8.self)
    }
    return Outcome(
      status: inTime ? process.terminationStatus : -1, output: text(output), errors: text(errors))
  }

  /// So that mpirun starts four ranks whoever runs the tests and however few the cores are.
  private static let mpiSettings = [
    "OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
    "OMPI_MCA_rmaps_base_oversubscribe": "1", "OMPI_MCA_mpi_yield_when_idle": "1",
  ]
}

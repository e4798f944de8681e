import Foundation
import TestSupport
import Testing

/// `launch/install`, which builds the program once more. By option: INSTALL=1.
@Suite(.enabled(if: ProcessInfo.processInfo.environment["INSTALL"] != nil, "INSTALL is not set"))
struct InstallTests {
  private let directory = TemporaryDirectory()
  private var program: String { directory.path("bin/chartrain-dist") }

  private func install() throws {
    let outcome = try Program.run(
      [Outside.top + "/launch/install", "--mpi-defaults", directory.path("bin")],
      environment: ["HOME": directory.path], secondsAllowed: 1200)
    #expect(outcome.status == 0, "\(outcome.errors)")
  }

  private func file(_ path: String) throws -> String {
    try String(contentsOfFile: directory.path(path), encoding: .utf8)
  }

  @Test func theProgramRunsWithoutSwift() throws {
    try install()
    #expect(try !Program.run(["ldd", program]).output.contains("swift"))
    // More ranks than cores, as Open MPI has been told.
    let outcome = try Program.run(
      ["mpirun", "-q", "-n", "7", program, "--run-dir", "run", "--hidden", "8", "--blocks", "7", "--bs", "7"]
        + ["--max-steps", "2", "--quiet"],
      environment: ["HOME": directory.path, "PATH": "/usr/bin:/bin"], currentDirectory: directory.path)
    #expect(outcome.status == 0, "\(outcome.errors)")
    #expect(try file("share/man/man1/chartrain-dist.train.1").contains(".Nm"))
    for completions in [
      "bash-completion/completions/chartrain-dist", "zsh/site-functions/_chartrain-dist",
      "fish/vendor_completions.d/chartrain-dist.fish",
    ] {
      #expect(try file("share/" + completions).contains("notebook-lstm"), "\(completions)")
    }
    // What Open MPI has been told once, it is not told again.
    let told = try file(".openmpi/mca-params.conf")
    try install()
    #expect(try told == file(".openmpi/mca-params.conf") && told.contains("oversubscribe"))
  }
}

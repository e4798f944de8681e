import Foundation
import Glibc
import TestSupport
import Testing

/// Runs over several hosts, which `Tests/Hosts/hosts` makes of this one.
@Suite(.serialized, .enabled(if: Hosts.canBe, "needs root, and iproute2 with network namespaces"))
struct HostTests {
  private let directory = TemporaryDirectory()
  private let hosts: Hosts
  private var run: FaultRun { FaultRun(directory: directory, name: "run") }

  init() throws { hosts = try Hosts(3, directory) }

  private var ranks: [pid_t] { RunningProgram.processes(withArgument: run.path, named: "chartrain-dist") }

  private func limits(_ warning: Int, _ timeout: Int) -> [String] {
    ["--stall-warning", "\(warning)", "--stall-timeout", "\(timeout)"]
  }

  /// Starts a run that never ends by itself, a rank on each host, and waits until it trains.
  private func start(_ limits: [String]) throws -> RunningProgram {
    let options = FaultRun.options(directory, steps: 1_000_000) + ["--run-dir", run.path] + limits
    let program = try hosts.start(
      ["mpirun", "-q", "--hostfile", hosts.file, "-n", "3", Program.path("chartrain-dist")] + options)
    try program.wait { run.steps > 20 && ranks.count == 3 }
    return program
  }

  /// A network that carries nothing any more: the host behind it is named, and nothing is left running there or here.
  @Test func aHostThatIsCutOffIsNamed() throws {
    let program = try start(limits(2, 5))
    try hosts.tell("cut", "host2")
    try program.wait { program.errorsSoFar.contains("gives up: no sign of life from rank 2 on host2") }
    #expect(program.errorsSoFar.contains("warning: rank 0 on host0 has waited"))
    // The one that is cut off gives up a little later.
    let left = ranks
    #expect(RunningProgram.haveEnded(left))
    #expect(try run.last.progress != nil)
  }

  /// The run goes on from its last checkpoint without a host that has failed twice, and ends with the bits of one rank.
  @Test func theRunGoesOnWithoutTheHostThatFails() throws {
    let steps = 4000
    let options = FaultRun.options(directory, steps: steps) + ["--run-dir", run.path] + limits(2, 5)
    let program = try hosts.start(
      [Outside.top + "/launch/supervise", "--hostfile", hosts.file] + options,
      environment: ["CHARTRAIN_PROGRAM": Program.path("chartrain-dist"), "BACKOFF": "0"])
    try program.wait { run.steps > 100 && ranks.count == 3 }
    try hosts.tell("cut", "host2")
    let outcome = try program.outcome(secondsAllowed: 240)
    #expect(outcome.status == 0, "\(outcome.errors)")
    #expect(outcome.errors.contains("no sign of life from rank 2 on host2"), "\(outcome.errors)")
    #expect(outcome.errors.contains("goes on with 2 of 3 ranks"), "\(outcome.errors)")
    #expect(try run.last.checksum == run.undisturbedChecksum(steps: steps))
  }

  /// A host that stands still for a while is waited for.
  @Test func aHostThatComesBackIsWaitedFor() throws {
    let program = try start(limits(1, 300))
    try hosts.tell("freeze", "host1")
    try program.wait { program.errorsSoFar.contains("no sign of life from rank 1 on host1") }
    try hosts.tell("thaw", "host1")
    let before = run.steps
    try program.wait { run.steps > before + 20 }
    kill(ranks[0], SIGTERM)
    #expect(try program.outcome().status == 75)
  }
}

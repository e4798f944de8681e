import TestSupport
import Testing

/// Four hosts with ssh between them, a hostfile, and a run on some of them.
struct Cluster {
  static let script = Outside.top + "/launch/cluster"

  let directory = TemporaryDirectory()
  let hosts: Hosts
  var run: FaultRun { FaultRun(directory: directory, name: "run") }

  init() throws { hosts = try Hosts(4, directory) }

  /// Writes a hostfile of the first so many hosts.
  func use(_ count: Int, slots: Int = 1) {
    directory.write("hostfile", (0..<count).map { "host\($0) slots=\(slots)\n" }.joined())
  }

  func environment(_ more: [String: String] = [:]) -> [String: String] {
    [
      "CHARTRAIN_PROGRAM": Program.path("chartrain-dist"), "CHARTRAIN_SSH": hosts.ssh, "OVERSUBSCRIBE": "1",
      "HOSTS_PLAIN": "1", "BACKOFF": "0",
    ].merging(more) { $1 }
  }

  /// Calls `launch/cluster` with that hostfile.
  func launch(_ arguments: [String], _ more: [String: String] = [:]) throws -> Program.Outcome {
    try hosts.run([Self.script, hosts.file] + arguments, environment: environment(more))
  }

  /// Does something to one of the hosts.
  func spoil(_ host: String, _ command: String) throws {
    let outcome = try hosts.run(["sh", "-c", command], on: host)
    #expect(outcome.status == 0, "\(outcome.errors)")
  }
}

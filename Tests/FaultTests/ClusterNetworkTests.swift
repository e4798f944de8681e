import Foundation
import Glibc
import TestSupport
import Testing

/// What runs that `launch/cluster` starts do to the network between their hosts, and that to them.
@Suite(.serialized, .enabled(if: Hosts.haveSSH, "needs root, iproute2 with network namespaces, and sshd"))
struct ClusterNetworkTests {
  private let cluster: Cluster

  init() throws { cluster = try Cluster() }

  /// A hostfile of one host is no reason to listen on a network.
  @Test(arguments: [true, false]) func aloneItsRanksListenOnNoNetwork(withLauncher: Bool) throws {
    cluster.use(1, slots: 2)
    let start =
      withLauncher
      ? [Cluster.script, cluster.hosts.file]
      : ["mpirun", "-q", "-n", "2", "--oversubscribe", Program.path("chartrain-dist")]
    let program = try cluster.hosts.start(
      start + FaultRun.options(cluster.directory, steps: 1_000_000) + ["--run-dir", cluster.run.path],
      environment: cluster.environment())
    try program.wait { cluster.run.steps > 5 }
    let listeners = try cluster.hosts.run(["ss", "-Hltnp"]).output.split(separator: "\n")
    #expect(listeners.contains { $0.contains("mpirun") }, "\(listeners)")
    #expect(!listeners.contains { $0.contains("chartrain-dist") }, "\(listeners)")
    kill(program.process, withLauncher ? SIGTERM : SIGUSR1)
    #expect(try program.outcome().status == 75)
  }

  /// Slow links that lose packets cost time, and nothing else.
  @Test(.enabled(if: Outside.program("nft") != nil, "no nft (nftables)"))
  func aPoorNetworkGivesTheSameBits() throws {
    cluster.use(2)
    for host in ["host0", "host1"] { try cluster.hosts.tell("rate", host, "100mbit") }
    try cluster.hosts.tell("loss", "host1", "2")
    let steps = 60
    let outcome = try cluster.launch(
      FaultRun.options(cluster.directory, steps: steps) + ["--run-dir", cluster.run.path])
    #expect(outcome.status == 0, "\(outcome.errors)")
    #expect(try cluster.run.last.checksum == cluster.run.undisturbedChecksum(steps: steps))
    let lost = try cluster.hosts.run(["nft", "list", "table", "inet", "loss"], on: "host1").output
      .firstMatch(of: /counter packets ([0-9]+)/).flatMap { Int($0.1) }
    #expect(try #require(lost) > 0)
    let queue = try cluster.hosts.run(["tc", "-s", "qdisc", "show", "dev", "eth0"], on: "host0").output
    let sent = queue.firstMatch(of: /tbf .* rate 100Mbit[^S]*Sent ([0-9]+) bytes/).flatMap { Int($0.1) }
    #expect(try #require(sent, "\(queue)") > 1_000_000)
  }

  /// Ranks and daemons listen on the ports that a firewall was told of, and on no others.
  @Test func onlyThePortsThatAreGivenAreListenedOn() throws {
    let program = try cluster.hosts.start(
      [Cluster.script, cluster.hosts.file] + FaultRun.options(cluster.directory, steps: 1_000_000) + [
        "--run-dir", cluster.run.path,
      ],
      environment: cluster.environment(["PORTS": "43210-43259"]))
    try program.wait { cluster.run.steps > 5 }
    for host in ["host0", "host1"] {
      let sockets = try cluster.hosts.run(["ss", "-Hltn"], on: host).output.split(separator: "\n")
      let ports = sockets.map { $0.split(separator: " ")[3] }.filter { !$0.hasPrefix("127.") }
        .compactMap { $0.split(separator: ":").last.flatMap { Int($0) } }
      #expect(
        ports.contains(43210) && ports.allSatisfy { $0 == 22 || (43210...43259).contains($0) }, "\(ports)")
    }
    kill(program.process, SIGTERM)
    #expect(try program.outcome().status == 75)
  }

  /// The host that is cut off is named and left out, whatever ssh and the hostfile call it, and the run ends with the right bits.
  @Test func aClusterRunGoesOnWithoutTheHostThatFails() throws {
    cluster.directory.write("hostfile", "host0\nhost1\ngamma\n")
    let settings = try String(contentsOfFile: cluster.hosts.sshConfig, encoding: .utf8)
    let ssh = cluster.directory.write("ssh_config", settings + "Host gamma\nHostName host2\n")
    let steps = 3000
    let program = try cluster.hosts.start(
      [Cluster.script, cluster.hosts.file, "--supervise"] + FaultRun.options(cluster.directory, steps: steps)
        + ["--run-dir", cluster.run.path, "--stall-warning", "2", "--stall-timeout", "5"],
      environment: cluster.environment(["CHARTRAIN_SSH": "ssh -F \(ssh)"]))
    try program.wait { cluster.run.steps > 60 }
    try cluster.hosts.tell("cut", "host2")
    let outcome = try program.outcome(secondsAllowed: 240)
    #expect(outcome.status == 0, "\(outcome.errors)")
    #expect(outcome.errors.contains("no sign of life from rank 2 on host2"), "\(outcome.errors)")
    #expect(outcome.errors.contains("goes on with 2 of 3 ranks"), "\(outcome.errors)")
    #expect(try cluster.run.last.checksum == cluster.run.undisturbedChecksum(steps: steps))
  }
}

import Foundation
import Glibc
import TestSupport
import Testing

/// Runs that `launch/cluster` starts on hosts with real ssh between them.
@Suite(.serialized, .enabled(if: Hosts.haveSSH, "needs root, iproute2 with network namespaces, and sshd"))
struct ClusterTests {
  private let cluster: Cluster

  init() throws { cluster = try Cluster() }

  /// 'plan' once on each host, 'bench' on all slots.
  @Test func otherCommandsRunOnTheHosts() throws {
    cluster.use(2, slots: 2)
    let model = ["--hidden", "32", "--bs", "8", "--json"]
    let plan = try cluster.launch(["plan", "--cores", "1"] + model)
    #expect(plan.status == 0, "\(plan.errors)")
    #expect(plan.errors.contains("2 ranks on 2 hosts"), "\(plan.errors)")
    #expect(plan.output.contains(#""bytesPerSecond""#), "\(plan.output)")
    let bench = try cluster.launch(["bench", "--steps", "3"] + model)
    #expect(bench.status == 0, "\(bench.errors)")
    #expect(bench.errors.contains("4 ranks on 2 hosts"), "\(bench.errors)")
    #expect(bench.output.contains(#""charactersPerSecond""#), "\(bench.output)")
    #expect(try cluster.launch(["bench", "--supervise"]).status == 64)
  }

  /// One rank on each host, and more than one: the bits of one rank.
  @Test(arguments: [(2, 1), (3, 1), (4, 1), (4, 2)])
  func trainingOnSeveralHosts(count: Int, slots: Int) throws {
    cluster.use(count, slots: slots)
    let steps = 60
    // Other blocks than 12 have other bits, and so has the run that this one is compared with.
    let blocks = ["--blocks", "24"]
    let outcome = try cluster.launch(
      FaultRun.options(cluster.directory, steps: steps) + blocks + ["--run-dir", cluster.run.path])
    #expect(outcome.status == 0, "\(outcome.errors)")
    let words = "\(count * slots) ranks on \(count) hosts, over 10.99.0.1/24, ports 42000-42999"
    #expect(outcome.errors.contains(words), "\(outcome.errors)")
    #expect(try cluster.run.last.checksum == cluster.run.undisturbedChecksum(steps: steps, blocks))
    let config = try String(contentsOfFile: cluster.run.path + "/config.json", encoding: .utf8)
    let places = config.matches(of: /"host" : "([a-z0-9]+)"/).map { String($0.1) }
    #expect(places == (0..<count).flatMap { [String](repeating: "host\($0)", count: slots) })
  }

  /// Where nobody asks for more ranks than there are cores, each has its own. Of two on each of two hosts Open MPI itself would bind none to a core.
  @Test(.enabled(if: ProcessInfo.processInfo.processorCount > 1, "one processor"))
  func ranksOfAHostShareNoCore() throws {
    cluster.use(2, slots: 2)
    let outcome = try cluster.launch(
      FaultRun.options(cluster.directory, steps: 5) + ["--run-dir", cluster.run.path], ["OVERSUBSCRIBE": ""])
    #expect(outcome.status == 0, "\(outcome.errors)")
    let config = try String(contentsOfFile: cluster.run.path + "/config.json", encoding: .utf8)
    let processors = config.matches(of: /"processors" : "([0-9,-]+)"/).map { String($0.1) }
    #expect(processors.count == 4)
    for host in [processors.prefix(2), processors.suffix(2)] {
      #expect(Set(host).count == 2, "\(processors)")
    }
  }

  @Test(.enabled(if: ProcessInfo.processInfo.processorCount > 1, "one processor"))
  func aRankHasACoreForEachThread() throws {
    cluster.use(2)
    cluster.directory.write("config.yaml", "{newlines: keep, threads: 2}\n")
    let outcome = try cluster.launch(
      ["--config", cluster.directory.path("config.yaml")] + FaultRun.options(cluster.directory, steps: 5) + [
        "--run-dir", cluster.run.path,
      ], ["OVERSUBSCRIBE": ""])
    #expect(outcome.status == 0, "\(outcome.errors)")
    let config = try String(contentsOfFile: cluster.run.path + "/config.json", encoding: .utf8)
    let processors = config.matches(of: /"processors" : "([0-9,-]+)"/).map { String($0.1) }
    #expect(processors.count == 2 && processors.allSatisfy { count($0) >= 2 }, "\(processors)")
  }

  /// With a thread on each of its cores; the hostfile's slots do not count.
  @Test func aRankOnEachSocket() throws {
    cluster.use(2, slots: 5000)
    let sockets = try Program.run(["lscpu", "-p=SOCKET"]).output.split(separator: "\n").filter {
      !$0.hasPrefix("#")
    }
    let outcome = try cluster.launch(
      ["--per-socket", "--supervise"] + FaultRun.options(cluster.directory, steps: 5) + [
        "--run-dir", cluster.run.path,
      ],
      ["OVERSUBSCRIBE": ""])
    #expect(outcome.status == 0, "\(outcome.errors)")
    let data = try Data(contentsOf: URL(fileURLWithPath: cluster.run.path + "/config.json"))
    let config = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
    let places = try #require(config["placement"] as? [[String: Any]])
    #expect(places.count == 2 * Set(sockets).count, "\(outcome.errors)")
    let threads = try #require(config["threads"] as? Int)
    #expect(places.allSatisfy { count($0["processors"] as? String ?? "0") >= threads }, "\(places)")
    #expect(threads > 1 || ProcessInfo.processInfo.processorCount < 2 * Set(sockets).count)
    #expect(try cluster.launch(["--per-socket", "--threads", "2"]).status == 64)
    #expect(try cluster.launch(["plan", "--per-socket"]).status == 64)
    // It goes on with the same options.
    #expect(
      try cluster.launch(
        ["--per-socket", "--supervise"] + FaultRun.options(cluster.directory, steps: 8) + [
          "--run-dir", cluster.run.path,
        ],
        ["OVERSUBSCRIBE": ""]
      ).status == 0)
    #expect(cluster.run.steps == 8)
    // A host of two sockets, if one asks it.
    let lscpu = cluster.directory.write(
      "lscpu", "#!/bin/sh\ncase $1 in *CORE*) printf '0,0\\n1,1\\n' ;; *) printf '0\\n1\\n' ;; esac\n")
    try cluster.spoil("host1", "chmod +x '\(lscpu)'; mount --bind '\(lscpu)' \"$(command -v lscpu)\"")
    let check = try cluster.launch(["--per-socket", "--check"], ["OVERSUBSCRIBE": ""])
    #expect(check.errors.contains("\(2 + Set(sockets).count) ranks"), "\(check.errors)")
  }

  /// How many are in a list such as `0-3,8`.
  private func count(_ list: String) -> Int {
    list.split(separator: ",").reduce(0) { sum, part in
      let ends = part.split(separator: "-").compactMap { Int($0) }
      return sum + ends.last! - ends.first! + 1
    }
  }

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

  /// The host that is cut off is named and left out, and the run ends with the right bits.
  @Test func aClusterRunGoesOnWithoutTheHostThatFails() throws {
    cluster.use(3)
    let steps = 3000
    let program = try cluster.hosts.start(
      [Cluster.script, cluster.hosts.file, "--supervise"] + FaultRun.options(cluster.directory, steps: steps)
        + ["--run-dir", cluster.run.path, "--stall-warning", "2", "--stall-timeout", "5"],
      environment: cluster.environment())
    try program.wait { cluster.run.steps > 60 }
    try cluster.hosts.tell("cut", "host2")
    let outcome = try program.outcome(secondsAllowed: 240)
    #expect(outcome.status == 0, "\(outcome.errors)")
    #expect(outcome.errors.contains("no sign of life from rank 2 on host2"), "\(outcome.errors)")
    #expect(outcome.errors.contains("goes on with 2 of 3 ranks"), "\(outcome.errors)")
    #expect(try cluster.run.last.checksum == cluster.run.undisturbedChecksum(steps: steps))
  }
}

import Foundation
import Glibc
import TestSupport
import Testing

/// `launch/cluster` over hosts with real ssh between them.
@Suite(.serialized, .enabled(if: Hosts.haveSSH, "needs root, iproute2 with network namespaces, and sshd"))
struct ClusterTests {
  private let directory = TemporaryDirectory()
  private let hosts: Hosts
  private var run: FaultRun { FaultRun(directory: directory, name: "run") }

  init() throws { hosts = try Hosts(4, directory) }

  /// A hostfile of the first so many hosts.
  private func use(_ count: Int, slots: Int = 1) {
    directory.write("hostfile", (0..<count).map { "host\($0) slots=\(slots)\n" }.joined())
  }

  private static let script = Outside.top + "/launch/cluster"

  private func environment(_ more: [String: String] = [:]) -> [String: String] {
    [
      "CHARTRAIN_PROGRAM": Program.path("chartrain-dist"), "CHARTRAIN_SSH": hosts.ssh, "OVERSUBSCRIBE": "1",
      "HOSTS_PLAIN": "1",
      "BACKOFF": "0",
    ].merging(more) { $1 }
  }

  private func cluster(_ arguments: [String], _ more: [String: String] = [:]) throws -> Program.Outcome {
    try hosts.run([Self.script, hosts.file] + arguments, environment: environment(more))
  }

  /// Does something to one of the hosts.
  private func spoil(_ host: String, _ command: String) throws {
    let outcome = try hosts.run(["sh", "-c", command], on: host)
    #expect(outcome.status == 0, "\(outcome.errors)")
  }

  @Test func everyProblemIsNamedAtOnce() throws {
    directory.write(
      "hostfile", "# none is what it should be\nhost0 slots=9000\nhost1 slots=2\nhost2\nhost4\n")
    let mpirun = directory.write("mpirun", "#!/bin/sh\necho 'mpirun (Open MPI) 9.9.9'\n")
    let date = directory.write("date", "#!/bin/sh\necho 1700000000000000000\n")
    let program = Program.path("chartrain-dist")
    try spoil("host1", "mount -o remount,size=1m /dev/shm; mount --bind /bin/true '\(program)'")
    try spoil(
      "host2",
      "chmod +x '\(date)' '\(mpirun)'; mount --bind '\(date)' \"$(command -v date)\"; "
        + "mount --bind '\(mpirun)' \"$(realpath \"$(command -v mpirun)\")\""
    )
    let outcome = try cluster(["--run-dir", run.path], ["OVERSUBSCRIBE": "", "NETWORK": "10.99.0.0/24"])
    #expect(outcome.status == 1)
    for problem in [
      "host0: expected a core for each of 9000 slots, found ", "host0: expected 72000 MiB free in /dev/shm",
      "host1: expected 16 MiB free in /dev/shm for 2 ranks, found ", "host1: expected chartrain-dist ",
      "host2: expected Open MPI ", "host2: expected a clock that is right within 2 s",
      "host4: cannot be reached by ssh: ",
    ] {
      #expect(outcome.errors.contains("cluster: " + problem), "\(problem): \(outcome.errors)")
    }
    #expect(outcome.errors.contains("found 9.9.9"), "\(outcome.errors)")
    #expect(outcome.errors.contains("problems with the hosts of"))
    let elsewhere = try cluster(["--check"], ["NETWORK": "10.98.0.0/24", "OVERSUBSCRIBE": "1"])
    #expect(
      elsewhere.errors.contains("host0: expected an address in 10.98.0.0/24, found "), "\(elsewhere.errors)")
    #expect(!FileManager.default.fileExists(atPath: run.path))
  }

  @Test func anotherBuildAndAHostWithoutOpenMPIAreNamed() throws {
    let other = directory.path("other")
    let program = Program.path("chartrain-dist")
    try spoil(
      "host1",
      "(cat '\(program)'; echo) >'\(other)'; chmod +x '\(other)'; mount --bind '\(other)' '\(program)'"
    )
    try spoil("host2", "mount --bind /dev/null \"$(realpath \"$(command -v orted)\")\"")
    let outcome = try cluster(["--check"])
    #expect(outcome.status == 1)
    #expect(
      outcome.errors.contains("host1: expected the same build of the program as here, found another"),
      "\(outcome.errors)")
    #expect(outcome.errors.contains(/host2: expected Open MPI [0-9.]+, found none/), "\(outcome.errors)")
    #expect(outcome.errors.contains("2 problems with the hosts of"), "\(outcome.errors)")
  }

  /// 'plan' once on each host, 'bench' on all slots.
  @Test func otherCommandsRunOnTheHosts() throws {
    use(2, slots: 2)
    let model = ["--hidden", "32", "--bs", "8", "--json"]
    let plan = try cluster(["plan", "--cores", "1"] + model)
    #expect(plan.status == 0, "\(plan.errors)")
    #expect(plan.errors.contains("2 ranks on 2 hosts"), "\(plan.errors)")
    #expect(plan.output.contains(#""bytesPerSecond""#), "\(plan.output)")
    let bench = try cluster(["bench", "--steps", "3"] + model)
    #expect(bench.status == 0, "\(bench.errors)")
    #expect(bench.errors.contains("4 ranks on 2 hosts"), "\(bench.errors)")
    #expect(bench.output.contains(#""charactersPerSecond""#), "\(bench.output)")
    #expect(try cluster(["bench", "--supervise"]).status == 64)
  }

  @Test func theProgramIsCopiedWhereItIsMissing() throws {
    let place = directory.path("bin")
    try FileManager.default.createDirectory(atPath: place, withIntermediateDirectories: true)
    let program = place + "/chartrain-dist"
    try FileManager.default.copyItem(atPath: Program.path("chartrain-dist"), toPath: program)
    // Hosts share the machine's files.
    for host in ["host1", "host2"] { try spoil(host, "mount -t tmpfs tmpfs '\(place)'") }
    let missing = try cluster(["--check"], ["CHARTRAIN_PROGRAM": program])
    #expect(missing.status == 1)
    for host in ["host1", "host2"] {
      #expect(
        missing.errors.contains("\(host): expected the program at '\(program)', found none"),
        "\(missing.errors)")
    }
    let pushed = try cluster(["--push", "--check"], ["CHARTRAIN_PROGRAM": program])
    #expect(pushed.status == 0, "\(pushed.errors)")
  }

  /// One rank on each host, and more than one: the bits of one rank.
  @Test(arguments: [(2, 1), (3, 1), (4, 1), (4, 2)])
  func trainingOnSeveralHosts(count: Int, slots: Int) throws {
    use(count, slots: slots)
    let steps = 60
    // Other blocks than 12 have other bits, and so has the run that this one is compared with.
    let blocks = ["--blocks", "24"]
    let outcome = try cluster(FaultRun.options(directory, steps: steps) + blocks + ["--run-dir", run.path])
    #expect(outcome.status == 0, "\(outcome.errors)")
    let words = "\(count * slots) ranks on \(count) hosts, over 10.99.0.1/24, ports 42000-42999"
    #expect(outcome.errors.contains(words), "\(outcome.errors)")
    #expect(try run.last.checksum == run.undisturbedChecksum(steps: steps, blocks))
    let config = try String(contentsOfFile: run.path + "/config.json", encoding: .utf8)
    let places = config.matches(of: /"host" : "([a-z0-9]+)"/).map { String($0.1) }
    #expect(places == (0..<count).flatMap { [String](repeating: "host\($0)", count: slots) })
  }

  /// Where nobody asks for more ranks than there are cores, each has its own. Of two on each of two hosts Open MPI itself would bind none to a core.
  @Test(.enabled(if: ProcessInfo.processInfo.processorCount > 1, "one processor"))
  func ranksOfAHostShareNoCore() throws {
    use(2, slots: 2)
    let outcome = try cluster(
      FaultRun.options(directory, steps: 5) + ["--run-dir", run.path], ["OVERSUBSCRIBE": ""])
    #expect(outcome.status == 0, "\(outcome.errors)")
    let config = try String(contentsOfFile: run.path + "/config.json", encoding: .utf8)
    let processors = config.matches(of: /"processors" : "([0-9,-]+)"/).map { String($0.1) }
    #expect(processors.count == 4)
    for host in [processors.prefix(2), processors.suffix(2)] {
      #expect(Set(host).count == 2, "\(processors)")
    }
  }

  @Test(.enabled(if: ProcessInfo.processInfo.processorCount > 1, "one processor"))
  func aRankHasACoreForEachThread() throws {
    use(2)
    directory.write("config.yaml", "threads: 2\n")
    let outcome = try cluster(
      ["--config", directory.path("config.yaml")] + FaultRun.options(directory, steps: 5) + [
        "--run-dir", run.path,
      ], ["OVERSUBSCRIBE": ""])
    #expect(outcome.status == 0, "\(outcome.errors)")
    let config = try String(contentsOfFile: run.path + "/config.json", encoding: .utf8)
    let processors = config.matches(of: /"processors" : "([0-9,-]+)"/).map { String($0.1) }
    #expect(processors.count == 2 && processors.allSatisfy { count($0) >= 2 }, "\(processors)")
  }

  /// With a thread on each of its cores; the hostfile's slots do not count.
  @Test func aRankOnEachSocket() throws {
    use(2, slots: 5000)
    let sockets = try Program.run(["lscpu", "-p=SOCKET"]).output.split(separator: "\n").filter {
      !$0.hasPrefix("#")
    }
    let outcome = try cluster(
      ["--per-socket", "--supervise"] + FaultRun.options(directory, steps: 5) + ["--run-dir", run.path],
      ["OVERSUBSCRIBE": ""])
    #expect(outcome.status == 0, "\(outcome.errors)")
    let data = try Data(contentsOf: URL(fileURLWithPath: run.path + "/config.json"))
    let config = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
    let places = try #require(config["placement"] as? [[String: Any]])
    #expect(places.count == 2 * Set(sockets).count, "\(outcome.errors)")
    let threads = try #require(config["threads"] as? Int)
    #expect(places.allSatisfy { count($0["processors"] as? String ?? "0") >= threads }, "\(places)")
    #expect(threads > 1 || ProcessInfo.processInfo.processorCount < 2 * Set(sockets).count)
    #expect(try cluster(["--per-socket", "--threads", "2"]).status == 64)
    // It goes on with the same options.
    #expect(
      try cluster(
        ["--per-socket", "--supervise"] + FaultRun.options(directory, steps: 8) + ["--run-dir", run.path],
        ["OVERSUBSCRIBE": ""]
      ).status == 0)
    #expect(run.steps == 8)
    // A host of two sockets, if one asks it.
    let lscpu = directory.write(
      "lscpu", "#!/bin/sh\ncase $1 in *CORE*) printf '0,0\\n1,1\\n' ;; *) printf '0\\n1\\n' ;; esac\n")
    try spoil("host1", "chmod +x '\(lscpu)'; mount --bind '\(lscpu)' \"$(command -v lscpu)\"")
    let check = try cluster(["--per-socket", "--check"], ["OVERSUBSCRIBE": ""])
    #expect(check.errors.contains("\(2 + Set(sockets).count) ranks"), "\(check.errors)")
  }

  /// The hostfile may say it in other ways, come through a pipe, and name what never answers.
  @Test func hostfilesAreTakenAsTheyCome() throws {
    directory.write("hostfile", "host0\r\nhost1 slots=1 # twice\nroot@host1\tslots=1\nhost0 slots=1")
    let given = try cluster(["--check"])
    #expect(given.status == 0 && given.errors.contains("4 ranks on 3 hosts"), "\(given.errors)")
    for wrong in ["host0 max_slots=3", "host0 slots=0", "host0 slots"] {
      directory.write("hostfile", wrong + "\n")
      #expect(
        try cluster(["--check"]).errors.contains("line 1: expected 'NAME slots=NUMBER'"), "\(wrong)")
    }
    directory.write("hostfile", "slotsbox\n")
    #expect(try cluster(["--check"]).errors.contains("slotsbox: cannot be reached"))
    use(2)
    let options = FaultRun.options(directory, steps: 5).joined(separator: " ")
    let piped = try hosts.run(
      ["bash", "-c", "'\(Self.script)' <(cat '\(hosts.file)') \(options) --run-dir '\(run.path)'"],
      environment: environment())
    #expect(piped.status == 0 && run.steps == 5, "\(piped.errors)")
    let ports = try cluster(["--check"], ["PORTS": "42000-42039"])
    #expect(ports.status == 0, "\(ports.errors)")
    use(2, slots: 30)
    #expect(try cluster(["--check"], ["PORTS": "42000-42039"]).errors.contains("PORTS: expected 50 ports"))
    directory.write("hostfile", "host1\nhost0\n")
    let elsewhere = try cluster(["--supervise", "--check"])
    #expect(elsewhere.errors.contains("--supervise: expected this host as the first"), "\(elsewhere.errors)")
    #expect(try hosts.run([Self.script, "--check", hosts.file], environment: environment()).status == 64)
  }

  /// One that is reached, but does not answer.
  @Test func aHostThatNeverAnswersIsAProblem() throws {
    use(2)
    let slow = directory.write("df", "#!/bin/sh\nexec sleep 1000\n")
    try spoil("host1", "chmod +x '\(slow)'; mount --bind '\(slow)' \"$(command -v df)\"")
    let outcome = try cluster(["--check"], ["PATIENCE": "3"])
    #expect(outcome.status == 1)
    #expect(
      outcome.errors.contains("cluster: host1: cannot be reached by ssh: no answer within 3 seconds"),
      "\(outcome.errors)")
  }

  /// How many are in a list such as `0-3,8`.
  private func count(_ list: String) -> Int {
    list.split(separator: ",").reduce(0) { sum, part in
      let ends = part.split(separator: "-").compactMap { Int($0) }
      return sum + ends.last! - ends.first! + 1
    }
  }

  /// Neither a host whose key nobody has vouched for nor one that has another key now is trusted.
  @Test(arguments: [false, true])
  func unknownAndChangedHostKeysAreProblems(isChanged: Bool) throws {
    use(2)
    let text = try String(contentsOfFile: directory.path("hosts/ssh_config"), encoding: .utf8)
    let lines = text.split(separator: "\n").filter {
      !$0.hasPrefix("StrictHostKeyChecking") && !$0.hasPrefix("UserKnown")
    }
    var known = ""
    if isChanged {
      #expect(
        try Program.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", directory.path("other")]).status
          == 0)
      let key = try String(contentsOfFile: directory.path("other.pub"), encoding: .utf8)
      known = "host1 " + key
    }
    directory.write("known", known)
    directory.write(
      "ssh_config", (lines + ["UserKnownHostsFile " + directory.path("known")]).joined(separator: "\n") + "\n"
    )
    let outcome = try cluster(["--check"], ["CHARTRAIN_SSH": "ssh -F " + directory.path("ssh_config")])
    #expect(outcome.status == 1)
    #expect(outcome.errors.contains("cluster: host1: cannot be reached by ssh: "), "\(outcome.errors)")
    #expect(
      try String(contentsOfFile: directory.path("known"), encoding: .utf8) == known,
      "it has taken a key on trust")
  }

  /// A hostfile of one host is no reason to listen on a network.
  @Test func aloneItsRanksListenOnNoNetwork() throws {
    use(1, slots: 2)
    let program = try hosts.start(
      [Self.script, hosts.file] + FaultRun.options(directory, steps: 1_000_000) + ["--run-dir", run.path],
      environment: environment())
    try program.wait { run.steps > 5 }
    let listeners = try hosts.run(["ss", "-Hltnp"]).output.split(separator: "\n")
    #expect(listeners.contains { $0.contains("mpirun") }, "\(listeners)")
    #expect(!listeners.contains { $0.contains("chartrain-dist") }, "\(listeners)")
    kill(program.process, SIGTERM)
    #expect(try program.outcome().status == 75)
  }

  /// A name that nobody knows is one problem among others.
  @Test func aNameThatNobodyKnowsIsAProblem() throws {
    directory.write("hostfile", "host0\nnobody\nhost1\n")
    let outcome = try cluster(["--check"])
    #expect(outcome.status == 1)
    #expect(outcome.errors.contains("cluster: nobody: cannot be reached by ssh: "), "\(outcome.errors)")
    directory.write("hostfile", "host0 slots=many\n")
    #expect(try cluster(["--check"]).errors.contains("line 1: expected 'NAME slots=NUMBER'"))
    use(2)
    #expect(try cluster(["--check"], ["RANKS": "3"]).errors.contains("RANKS: expected at most the 2 slots"))
  }

  /// Slow links that lose packets cost time, and nothing else.
  @Test(.enabled(if: Outside.program("nft") != nil, "no nft (nftables)"))
  func aPoorNetworkGivesTheSameBits() throws {
    use(2)
    for host in ["host0", "host1"] { try hosts.tell("rate", host, "100mbit") }
    try hosts.tell("loss", "host1", "2")
    let steps = 60
    let outcome = try cluster(FaultRun.options(directory, steps: steps) + ["--run-dir", run.path])
    #expect(outcome.status == 0, "\(outcome.errors)")
    #expect(try run.last.checksum == run.undisturbedChecksum(steps: steps))
    let lost = try hosts.run(["nft", "list", "table", "inet", "loss"], on: "host1").output
      .firstMatch(of: /counter packets ([0-9]+)/).flatMap { Int($0.1) }
    #expect(try #require(lost) > 0)
    let queue = try hosts.run(["tc", "-s", "qdisc", "show", "dev", "eth0"], on: "host0").output
    let sent = queue.firstMatch(of: /tbf .* rate 100Mbit[^S]*Sent ([0-9]+) bytes/).flatMap { Int($0.1) }
    #expect(try #require(sent, "\(queue)") > 1_000_000)
  }

  /// Starts what the pods of launch/kubernetes/job.yaml run: workers that have the job's key, each with processes of its own.
  ///
  /// - Returns: what its launcher's pod is told.
  private func startPods() throws -> [String: String] {
    use(3)
    let key = directory.path("job/id_rsa")
    try FileManager.default.createDirectory(atPath: directory.path("job"), withIntermediateDirectories: true)
    let made = try Program.run(
      [
        "sh", "-c",
        "ssh-keygen -q -t ed25519 -N '' -f '\(key)' && cp '\(key).pub' '\(directory.path("job"))/authorized_keys'",
      ])
    #expect(made.status == 0, "\(made.errors)")
    // Whoever starts a program here waits until nobody has its files any more.
    let closeFiles =
      "for file in /proc/self/fd/*; do [ ${file##*/} -le 2 ] || eval \"exec ${file##*/}>&-\"; done"
    for host in ["host0", "host1", "host2"] {
      // The sshd that is there has other keys.
      try spoil(
        host,
        "pkill --ns $$ --nslist net -x sshd; SSH_KEY='\(key)' HOST_KEY='\(key).\(host)' setsid bash -c "
          + "'\(closeFiles); exec unshare --pid --fork --mount-proc --kill-child \(Self.pods)worker' </dev/null >/dev/null 2>&1 &"
      )
    }
    return [
      "SSH_KEY": key, "HOSTFILE": hosts.file, "SUPERVISE": Outside.top + "/launch/supervise", "BACKOFF": "0",
      "CHARTRAIN_PROGRAM": Program.path("chartrain-dist"), "PATIENCE": "20",
      "OMPI_MCA_hwloc_base_binding_policy": "none",
    ]
  }

  private static let pods = Outside.top + "/launch/kubernetes/"

  /// The workers' launcher knows them by the job's key.
  @Test func aKubernetesJobsPodsFindEachOther() throws {
    let environment = try startPods()
    let steps = 60
    let outcome = try hosts.run(
      [Self.pods + "launcher", "--run-dir", run.path] + FaultRun.options(directory, steps: steps),
      environment: environment)
    #expect(outcome.status == 0, "\(outcome.errors)")
    #expect(try run.last.checksum == run.undisturbedChecksum(steps: steps))
  }

  /// A node that is drained asks its pods to go.
  @Test func aPodThatIsToGoSavesFirst() throws {
    let environment = try startPods()
    let program = try hosts.start(
      [Self.pods + "launcher", "--run-dir", run.path] + FaultRun.options(directory, steps: 1_000_000),
      environment: environment)
    try program.wait { run.steps > 5 }
    try spoil("host1", "pkill -TERM --ns $$ --nslist net -f '^/bin/sh .*kubernetes/worker'")
    let outcome = try program.outcome()
    #expect(outcome.status == 75, "\(outcome.errors)")
    #expect(try run.last.progress?.step == run.steps)
  }

  /// Ranks and daemons listen on the ports that a firewall was told of, and on no others.
  @Test func onlyThePortsThatAreGivenAreListenedOn() throws {
    let program = try hosts.start(
      [Self.script, hosts.file] + FaultRun.options(directory, steps: 1_000_000) + ["--run-dir", run.path],
      environment: environment(["PORTS": "43210-43259"]))
    try program.wait { run.steps > 5 }
    for host in ["host0", "host1"] {
      let sockets = try hosts.run(["ss", "-Hltn"], on: host).output.split(separator: "\n")
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
    use(3)
    let steps = 3000
    let program = try hosts.start(
      [Self.script, hosts.file, "--supervise"] + FaultRun.options(directory, steps: steps)
        + ["--run-dir", run.path, "--stall-warning", "2", "--stall-timeout", "5"],
      environment: environment())
    try program.wait { run.steps > 60 }
    try hosts.tell("cut", "host2")
    let outcome = try program.outcome(secondsAllowed: 240)
    #expect(outcome.status == 0, "\(outcome.errors)")
    #expect(outcome.errors.contains("no sign of life from rank 2 on host2"), "\(outcome.errors)")
    #expect(outcome.errors.contains("goes on with 2 of 3 ranks"), "\(outcome.errors)")
    #expect(try run.last.checksum == run.undisturbedChecksum(steps: steps))
  }
}

import Foundation
import Glibc
import TestSupport
import Testing

/// What `launch/cluster` finds before it starts anything, on hosts with real ssh between them.
@Suite(.serialized, .enabled(if: Hosts.haveSSH, "needs root, iproute2 with network namespaces, and sshd"))
struct ClusterCheckTests {
  private let cluster: Cluster

  init() throws { cluster = try Cluster() }

  @Test func everyProblemIsNamedAtOnce() throws {
    cluster.directory.write(
      "hostfile", "# none is what it should be\nhost0 slots=9000\nhost1 slots=2\nhost2\nhost4\n")
    let mpirun = cluster.directory.write("mpirun", "#!/bin/sh\necho 'mpirun (Open MPI) 9.9.9'\n")
    let date = cluster.directory.write("date", "#!/bin/sh\necho 1700000000000000000\n")
    let program = Program.path("chartrain-dist")
    try cluster.spoil("host1", "mount -o remount,size=1m /dev/shm; mount --bind /bin/true '\(program)'")
    try cluster.spoil(
      "host2",
      "chmod +x '\(date)' '\(mpirun)'; mount --bind '\(date)' \"$(command -v date)\"; "
        + "mount --bind '\(mpirun)' \"$(realpath \"$(command -v mpirun)\")\""
    )
    let outcome = try cluster.launch(
      ["--run-dir", cluster.run.path], ["OVERSUBSCRIBE": "", "NETWORK": "10.99.0.0/24"])
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
    let elsewhere = try cluster.launch(["--check"], ["NETWORK": "10.98.0.0/24", "OVERSUBSCRIBE": "1"])
    #expect(
      elsewhere.errors.contains("host0: expected an address in 10.98.0.0/24, found "), "\(elsewhere.errors)")
    #expect(!FileManager.default.fileExists(atPath: cluster.run.path))
  }

  @Test func anotherBuildAndAHostWithoutOpenMPIAreNamed() throws {
    let other = cluster.directory.path("other")
    let program = Program.path("chartrain-dist")
    try cluster.spoil(
      "host1",
      "(cat '\(program)'; echo) >'\(other)'; chmod +x '\(other)'; mount --bind '\(other)' '\(program)'"
    )
    try cluster.spoil("host2", "mount --bind /dev/null \"$(realpath \"$(command -v orted)\")\"")
    let outcome = try cluster.launch(["--check"])
    #expect(outcome.status == 1)
    #expect(
      outcome.errors.contains("host1: expected the same build of the program as here, found another"),
      "\(outcome.errors)")
    #expect(outcome.errors.contains(/host2: expected Open MPI [0-9.]+, found none/), "\(outcome.errors)")
    #expect(outcome.errors.contains("2 problems with the hosts of"), "\(outcome.errors)")
  }

  @Test func theProgramIsCopiedWhereItIsMissing() throws {
    let place = cluster.directory.path("bin")
    try FileManager.default.createDirectory(atPath: place, withIntermediateDirectories: true)
    let program = place + "/chartrain-dist"
    try FileManager.default.copyItem(atPath: Program.path("chartrain-dist"), toPath: program)
    // Hosts share the machine's files.
    for host in ["host1", "host2"] { try cluster.spoil(host, "mount -t tmpfs tmpfs '\(place)'") }
    let missing = try cluster.launch(["--check"], ["CHARTRAIN_PROGRAM": program])
    #expect(missing.status == 1)
    for host in ["host1", "host2"] {
      #expect(
        missing.errors.contains("\(host): expected the program at '\(program)', found none"),
        "\(missing.errors)")
    }
    let pushed = try cluster.launch(["--push", "--check"], ["CHARTRAIN_PROGRAM": program])
    #expect(pushed.status == 0, "\(pushed.errors)")
  }

  /// The hostfile may say it in other ways, come through a pipe, and name what never answers.
  @Test func hostfilesAreTakenAsTheyCome() throws {
    cluster.directory.write("hostfile", "host0\r\nhost1 slots=1 # twice\n \nhost1\tslots=1\nhost0 slots=1")
    let given = try cluster.launch(["--check"])
    #expect(given.status == 0 && given.errors.contains("4 ranks on 2 hosts"), "\(given.errors)")
    cluster.directory.write("hostfile", "host0\nhost1 slots=1\nroot@host1 slots=1\n")
    let twice = try cluster.launch(["--check"])
    #expect(
      twice.errors.contains("root@host1: expected each host once, found that this is 'host1' too"),
      "\(twice.errors)")
    for wrong in [
      "host0 max_slots=3", "host0 slots=0", "host0 slots", "host0 2", "host0 cpus=2", "-oProxyCommand=x",
      "../host0 slots=1",
      "host0 slots=9999999",
    ] {
      cluster.directory.write("hostfile", wrong + "\n")
      #expect(
        try cluster.launch(["--check"]).errors.contains("line 1: expected 'NAME slots=NUMBER'"), "\(wrong)")
    }
    cluster.directory.write("hostfile", "slotsbox\n")
    #expect(try cluster.launch(["--check"]).errors.contains("slotsbox: cannot be reached"))
    cluster.use(2)
    let options = FaultRun.options(cluster.directory, steps: 5).joined(separator: " ")
    let piped = try cluster.hosts.run(
      [
        "bash", "-c",
        "'\(Cluster.script)' <(cat '\(cluster.hosts.file)') \(options) --run-dir '\(cluster.run.path)'",
      ],
      environment: cluster.environment())
    #expect(piped.status == 0 && cluster.run.steps == 5, "\(piped.errors)")
    let ports = try cluster.launch(["--check"], ["PORTS": "42000-42039"])
    #expect(ports.status == 0, "\(ports.errors)")
    cluster.use(2, slots: 30)
    #expect(
      try cluster.launch(["--check"], ["PORTS": "42000-42039"]).errors.contains("PORTS: expected 50 ports"))
    cluster.directory.write("hostfile", "host1\nhost0\n")
    let elsewhere = try cluster.launch(["--supervise", "--check"])
    #expect(elsewhere.errors.contains("--supervise: expected this host as the first"), "\(elsewhere.errors)")
    #expect(
      try cluster.hosts.run(
        [Cluster.script, "--check", cluster.hosts.file], environment: cluster.environment()
      ).status == 64)
  }

  /// One that is reached, but does not answer.
  @Test func aHostThatNeverAnswersIsAProblem() throws {
    cluster.use(2)
    let slow = cluster.directory.write("df", "#!/bin/sh\nexec sleep 1000\n")
    try cluster.spoil("host1", "chmod +x '\(slow)'; mount --bind '\(slow)' \"$(command -v df)\"")
    let outcome = try cluster.launch(["--check"], ["PATIENCE": "3"])
    #expect(outcome.status == 1)
    #expect(
      outcome.errors.contains("cluster: host1: cannot be reached by ssh: no answer within 3 seconds"),
      "\(outcome.errors)")
  }

  /// Neither a host whose key nobody has vouched for nor one that has another key now is trusted.
  @Test(arguments: [false, true])
  func unknownAndChangedHostKeysAreProblems(isChanged: Bool) throws {
    cluster.use(2)
    let text = try String(contentsOfFile: cluster.directory.path("hosts/ssh_config"), encoding: .utf8)
    let lines = text.split(separator: "\n").filter {
      !$0.hasPrefix("StrictHostKeyChecking") && !$0.hasPrefix("UserKnown")
    }
    var known = ""
    if isChanged {
      #expect(
        try Program.run([
          "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", cluster.directory.path("other"),
        ]).status
          == 0)
      let key = try String(contentsOfFile: cluster.directory.path("other.pub"), encoding: .utf8)
      known = "host1 " + key
    }
    cluster.directory.write("known", known)
    cluster.directory.write(
      "ssh_config",
      (lines + ["UserKnownHostsFile " + cluster.directory.path("known")]).joined(separator: "\n") + "\n"
    )
    let outcome = try cluster.launch(
      ["--check"], ["CHARTRAIN_SSH": "ssh -F " + cluster.directory.path("ssh_config")])
    #expect(outcome.status == 1)
    #expect(outcome.errors.contains("cluster: host1: cannot be reached by ssh: "), "\(outcome.errors)")
    #expect(
      try String(contentsOfFile: cluster.directory.path("known"), encoding: .utf8) == known,
      "it has taken a key on trust")
  }

  /// A name that nobody knows is one problem among others.
  @Test func aNameThatNobodyKnowsIsAProblem() throws {
    cluster.directory.write("hostfile", "host0\nnobody\nhost1\n")
    let outcome = try cluster.launch(["--check"])
    #expect(outcome.status == 1)
    #expect(outcome.errors.contains("cluster: nobody: cannot be reached by ssh: "), "\(outcome.errors)")
    cluster.directory.write("hostfile", "host0 slots=many\n")
    #expect(try cluster.launch(["--check"]).errors.contains("line 1: expected 'NAME slots=NUMBER'"))
    cluster.use(2)
    #expect(
      try cluster.launch(["--check"], ["RANKS": "3"]).errors.contains("RANKS: expected at most the 2 slots"))
  }
}

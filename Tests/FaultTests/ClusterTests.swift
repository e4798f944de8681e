import Foundation
import Glibc
import TestSupport
import Testing
import Training

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

  /// Text, options, earlier run and directory are on the first host alone; the program is copied, and the environment is passed on.
  @Test func onlyTheFirstHostNeedsFiles() throws {
    cluster.use(2)
    let place = cluster.directory.path("place")
    try FileManager.default.createDirectory(atPath: place, withIntermediateDirectories: true)
    let program = place + "/bin/chartrain-dist"
    try FileManager.default.createDirectory(atPath: place + "/bin", withIntermediateDirectories: true)
    // It is copied as any program would be; what it runs is there already, since hosts share the machine's other files.
    try
      "#!/bin/sh\necho \"$CHARTRAIN_MARK\" >'\(place)/bin/mark'\nexec '\(Program.path("chartrain-dist"))' \"$@\"\n"
      .write(toFile: program, atomically: true, encoding: .utf8)
    try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: program)
    try cluster.spoil("host1", "mount -t tmpfs tmpfs '\(place)'")
    let options = FaultRun.options(cluster.directory, steps: 60)
    let text = place + "/text.txt"
    try FileManager.default.copyItem(atPath: cluster.directory.path("text.txt"), toPath: text)
    try "{dropout: 0.3}\n".write(toFile: place + "/options.yaml", atomically: true, encoding: .utf8)
    let environment = ["CHARTRAIN_PROGRAM": program, "CHARTRAIN_MARK": "passed-on"]
    let given = ["--run-dir", place + "/run", "--train", text, "--config", place + "/options.yaml"]
    // The last of two options counts; that of dropout is the file's.
    var rest = options
    rest.removeSubrange(rest.firstIndex(of: "--dropout")!...rest.firstIndex(of: "0.3")!)
    let first = try cluster.launch(["--push"] + rest + given + ["--max-steps", "30"], environment)
    #expect(first.status == 0, "\(first.errors)")
    let second = try cluster.launch(["--resume", place + "/run", "--max-steps", "60"], environment)
    #expect(second.status == 0, "\(second.errors)")
    let mark = try cluster.hosts.run(["cat", place + "/bin/mark"], on: "host1").output
    #expect(mark == "passed-on\n", "\(mark)")
    let last = try Checkpoint(path: place + "/run/checkpoints/last.safetensors")
    #expect(try last.checksum == cluster.run.undisturbedChecksum(steps: 60))
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
}

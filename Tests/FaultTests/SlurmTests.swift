import Foundation
import Glibc
import TestSupport
import Testing

/// `launch/slurm.sbatch` under a Slurm of one node, made for the test. By option: SLURM=1, as root, with Debian's slurm-wlm.
@Suite(.serialized, .enabled(if: ProcessInfo.processInfo.environment["SLURM"] != nil, "SLURM is not set"))
final class SlurmTests {
  private let directory = TemporaryDirectory()
  private static let script = Outside.top + "/Tests/Slurm/slurm"

  init() throws { try tell("up", "4") }

  deinit { _ = try? tell("down") }

  @discardableResult
  private func tell(_ words: String..., environment: [String: String] = [:]) throws -> String {
    let outcome = try Program.run(
      [Self.script] + words,
      environment: ["SLURM_DIR": directory.path("slurm")].merging(environment) { $1 },
      currentDirectory: directory.path)
    #expect(outcome.status == 0, "\(words): \(outcome.errors)")
    return outcome.output
  }

  /// - Returns: the job's number.
  private func submit(
    _ slurmOptions: [String], _ options: [String], environment: [String: String] = [:]
  ) throws -> String {
    let outcome = try Program.run(
      [Self.script, "on", "sbatch", "--parsable"] + slurmOptions + [Outside.top + "/launch/slurm.sbatch"]
        + options,
      environment: [
        "SLURM_DIR": directory.path("slurm"), "CHARTRAIN_HOME": Outside.top, "OVERSUBSCRIBE": "1",
        "CHARTRAIN_PROGRAM": Program.path("chartrain-dist"), "RUN_DIR": directory.path("run"),
      ].merging(environment) { $1 }, currentDirectory: directory.path)
    #expect(outcome.status == 0, "\(outcome.errors)")
    return outcome.output.trimmingCharacters(in: .whitespacesAndNewlines)
  }

  private func log(_ job: String) -> String {
    (try? String(contentsOfFile: directory.path("slurm-\(job).log"), encoding: .utf8)) ?? ""
  }

  private func config(_ job: String) throws -> [String: Any] {
    let data = try Data(contentsOf: URL(fileURLWithPath: run(job).path + "/config.json"))
    return try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
  }

  private func run(_ name: String) -> FaultRun { FaultRun(directory: directory, name: "run-\(name)") }

  /// Until the job with all its tasks is over.
  private func wait(_ job: String) throws {
    for _ in 0..<300 {
      if try tell("on", "squeue", "--noheader", "--jobs", job, "--states", "all", "--format", "%T")
        .split(separator: "\n").allSatisfy({ $0 == "COMPLETED" })
      {
        return
      }
      usleep(200_000)
    }
    Issue.record("job \(job) has not ended: \(log(job))")
  }

  @Test func eachTaskOfAnArrayHasARunOfItsOwn() throws {
    let job = try submit(
      ["--ntasks=2", "--array=1-2"], FaultRun.options(directory, steps: 20) + ["--seed", "%a"])
    try wait(job)
    let seeds = try (1...2).map { task in
      #expect(run("\(job)_\(task)").steps == 20)
      let config = try String(contentsOfFile: run("\(job)_\(task)").path + "/config.json", encoding: .utf8)
      return config.firstMatch(of: /"seed" : ([0-9]+)/).map { String($0.1) }
    }
    #expect(seeds == ["1", "2"])
  }

  /// Ahead of its time limit, and after it was put back into the queue.
  @Test func aJobSavesGoesBackIntoTheQueueAndGoesOn() throws {
    let steps = 3000
    let job = try submit(["--ntasks=3"], FaultRun.options(directory, steps: steps))
    for _ in 0..<300 where run(job).steps < 60 { usleep(100_000) }
    #expect((60..<steps).contains(run(job).steps), "\(log(job))")
    // What Slurm does when --signal says so.
    try tell("on", "scancel", "--batch", "--signal=USR1", job)
    for _ in 0..<200 where !log(job).contains("back into the queue") { usleep(100_000) }
    #expect(log(job).contains("saved ahead of the time limit"), "\(log(job))")
    let saved = run(job).steps
    #expect(try run(job).last.progress?.step == saved)
    // Slurm would let it wait for two minutes.
    for _ in 0..<100 where try tell("on", "squeue", "-h", "-j", job, "-o", "%T") != "PENDING\n" {
      usleep(100_000)
    }
    try tell("on", "scontrol", "update", "JobId=\(job)", "StartTime=now")
    try wait(job)
    #expect(run(job).steps == steps, "\(log(job))")
    #expect(try run(job).last.progress?.restarts == 1)
    #expect(try run(job).last.checksum == run(job).undisturbedChecksum(steps: steps))
  }

  /// Slurm sends the signal itself, some time between the job's start and half a minute before its limit of one.
  @Test func aJobSavesAheadOfItsTimeLimit() throws {
    let job = try submit(
      ["--ntasks=2", "--time=1", "--signal=B:USR1@30"], FaultRun.options(directory, steps: 100_000_000))
    for _ in 0..<900 where !log(job).contains("back into the queue") { usleep(100_000) }
    #expect(
      log(job).contains("saved ahead of the time limit") && !log(job).contains("DUE TO TIME LIMIT"),
      "\(log(job))")
    let saved = run(job).steps
    #expect(try saved > 0 && run(job).last.progress?.step == saved)
    for _ in 0..<100 where try tell("on", "squeue", "-h", "-j", job, "-o", "%T") != "PENDING\n" {
      usleep(100_000)
    }
    try tell("on", "scontrol", "update", "JobId=\(job)", "StartTime=now")
    for _ in 0..<300 where run(job).steps < saved + 100 { usleep(100_000) }
    #expect(run(job).steps >= saved + 100, "\(log(job))")
    try tell("on", "scancel", job)
  }

  @Test func theCoresOfATaskAreThreads() throws {
    let job = try submit(["--ntasks=2", "--cpus-per-task=2"], FaultRun.options(directory, steps: 20))
    try wait(job)
    #expect(try config(job)["threads"] as? Int == 2)
    #expect(try (config(job)["placement"] as? [Any])?.count == 2)
  }

  /// Where there are as many cores as tasks.
  @Test(.enabled(if: ProcessInfo.processInfo.processorCount > 1, "one processor"))
  func eachTaskHasACoreForItself() throws {
    let job = try submit(
      ["--ntasks=2"], FaultRun.options(directory, steps: 20), environment: ["OVERSUBSCRIBE": ""])
    try wait(job)
    let places = try #require(try config(job)["placement"] as? [[String: Any]])
    let processors = places.map { $0["processors"] as? String }
    #expect(processors.count == 2 && processors[0] != processors[1], "\(processors)")
  }

  /// A job of a partition that goes first takes the node; what ran there saves, waits, and goes on.
  @Test func aPreemptedJobGoesOn() throws {
    let steps = 3000
    let job = try submit(["--ntasks=3"], FaultRun.options(directory, steps: steps))
    for _ in 0..<300 where run(job).steps < 60 { usleep(100_000) }
    #expect((60..<steps).contains(run(job).steps), "\(log(job))")
    try tell("on", "sbatch", "--partition=urgent", "--ntasks=4", "--wrap", "sleep 1")
    for _ in 0..<300 where !log(job).contains("DUE TO PREEMPTION") { usleep(100_000) }
    for _ in 0..<100 where try tell("on", "squeue", "-h", "-j", job, "-o", "%T") != "PENDING\n" {
      usleep(100_000)
    }
    // The ranks have the ten seconds of Slurm's KillWait.
    for _ in 0..<100 where try run(job).last.progress?.step != run(job).steps { usleep(100_000) }
    let saved = run(job).steps
    #expect(saved < steps, "\(log(job))")
    #expect(try run(job).last.progress?.step == saved)
    try tell("on", "scontrol", "update", "JobId=\(job)", "StartTime=now")
    try wait(job)
    #expect(try run(job).last.checksum == run(job).undisturbedChecksum(steps: steps))
  }

  @Test func withoutACheckoutItSaysSo() throws {
    let outcome = try Program.run(
      ["bash", Outside.top + "/launch/slurm.sbatch"], environment: ["CHARTRAIN_HOME": directory.path])
    #expect(outcome.status == 1)
    #expect(outcome.errors.contains("expected a checkout of chartrain-dist"), "\(outcome.errors)")
    let outside = try Program.run(
      ["bash", Outside.top + "/launch/slurm.sbatch"], environment: ["CHARTRAIN_HOME": Outside.top])
    #expect(outside.status == 1)
    #expect(outside.errors.contains("expected a job of Slurm's, found none"), "\(outside.errors)")
  }
}

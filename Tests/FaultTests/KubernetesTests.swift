import Foundation
import Glibc
import TestSupport
import Testing

/// What the pods of `launch/kubernetes/job.yaml` run, on hosts in place of pods.
@Suite(.serialized, .enabled(if: Hosts.haveSSH, "needs root, iproute2 with network namespaces, and sshd"))
struct KubernetesTests {
  private let cluster: Cluster

  init() throws { cluster = try Cluster() }

  /// Starts what the pods of launch/kubernetes/job.yaml run: workers that have the job's key, each with processes of its own.
  ///
  /// - Returns: what its launcher's pod is told.
  private func startPods() throws -> [String: String] {
    cluster.use(3)
    let key = cluster.directory.path("job/id_rsa")
    try FileManager.default.createDirectory(
      atPath: cluster.directory.path("job"), withIntermediateDirectories: true)
    let made = try Program.run(
      [
        "sh", "-c",
        "ssh-keygen -q -t ed25519 -N '' -f '\(key)' && cp '\(key).pub' '\(cluster.directory.path("job"))/authorized_keys'",
      ])
    #expect(made.status == 0, "\(made.errors)")
    // Whoever starts a program here waits until nobody has its files any more.
    let closeFiles =
      "for file in /proc/self/fd/*; do [ ${file##*/} -le 2 ] || eval \"exec ${file##*/}>&-\"; done"
    for host in ["host0", "host1", "host2"] {
      // The sshd that is there has other keys.
      try cluster.spoil(
        host,
        "pkill --ns $$ --nslist net -x sshd; SSH_KEY='\(key)' HOST_KEY='\(key).\(host)' setsid bash -c "
          + "'\(closeFiles); exec unshare --pid --fork --mount-proc --kill-child \(Self.pods)worker' </dev/null >/dev/null 2>&1 &"
      )
    }
    return [
      "SSH_KEY": key, "HOSTFILE": cluster.hosts.file, "SUPERVISE": Outside.top + "/launch/supervise",
      "BACKOFF": "0",
      "CHARTRAIN_PROGRAM": Program.path("chartrain-dist"), "PATIENCE": "20",
      "OMPI_MCA_hwloc_base_binding_policy": "none",
    ]
  }

  private static let pods = Outside.top + "/launch/kubernetes/"

  /// The workers' launcher knows them by the job's key.
  @Test func aKubernetesJobsPodsFindEachOther() throws {
    let environment = try startPods()
    let steps = 60
    let outcome = try cluster.hosts.run(
      [Self.pods + "launcher", "--run-dir", cluster.run.path]
        + FaultRun.options(cluster.directory, steps: steps),
      environment: environment)
    #expect(outcome.status == 0, "\(outcome.errors)")
    #expect(try cluster.run.last.checksum == cluster.run.undisturbedChecksum(steps: steps))
  }

  /// Not even at the start; it would not come.
  @Test func aKubernetesJobGoesOnWithoutAWorkerThatIsMissing() throws {
    let environment = try startPods().merging(["PATIENCE": "2"]) { $1 }
    try cluster.hosts.tell("cut", "host2")
    let outcome = try cluster.hosts.run(
      [Self.pods + "launcher", "--run-dir", cluster.run.path]
        + FaultRun.options(cluster.directory, steps: 20),
      environment: environment)
    #expect(outcome.status == 0, "\(outcome.errors)")
    #expect(outcome.errors.contains("launcher: goes on without host2, which cannot be reached by ssh"))
    #expect(outcome.errors.contains("goes on with 2 of 3 ranks"), "\(outcome.errors)")
    #expect(cluster.run.steps == 20)
  }

  /// A node that is drained asks its pods to go.
  @Test func aPodThatIsToGoSavesFirst() throws {
    let environment = try startPods()
    let program = try cluster.hosts.start(
      [Self.pods + "launcher", "--run-dir", cluster.run.path]
        + FaultRun.options(cluster.directory, steps: 1_000_000),
      environment: environment)
    try program.wait { cluster.run.steps > 5 }
    try cluster.spoil("host1", "pkill -TERM --ns $$ --nslist net -f '^/bin/sh .*kubernetes/worker'")
    let outcome = try program.outcome()
    #expect(outcome.status == 75, "\(outcome.errors)")
    #expect(try cluster.run.last.progress?.step == cluster.run.steps)
  }
}

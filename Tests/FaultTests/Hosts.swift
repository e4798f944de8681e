import Foundation
import Glibc
import Synchronization
import TestSupport
import Testing

/// Hosts that go away with this object.
final class Hosts {
  static let canBe: Bool = {
    guard getuid() == 0 else { return false }
    let probe = ["unshare", "--net", "ip", "link", "add", "br0", "type", "bridge"]
    return (try? Program.run(probe).status) == 0
  }()

  /// Whether ssh between them works.
  static let haveSSH =
    canBe && FileManager.default.isExecutableFile(atPath: "/usr/sbin/sshd")
    && ["rsync", "ss"].allSatisfy { (try? Program.run([$0, "--version"]).status) == 0 }

  let file: String
  private static let making = Mutex(())
  private static let script = Outside.top + "/Tests/Hosts/hosts"
  private let environment: [String: String]
  /// What `down` must know is in it.
  private let directory: TemporaryDirectory

  /// One slot on each.
  init(_ count: Int, _ directory: TemporaryDirectory) throws {
    self.directory = directory
    environment = ["HOSTS_DIR": directory.path("hosts")]
    file = directory.path("hostfile")
    // Two at a time may be in each other's way.
    try Self.making.withLock { _ in _ = try tell("up", "\(count)") }
    directory.write("hostfile", try tell("hostfile", "1"))
  }

  deinit { _ = try? tell("down") }

  @discardableResult
  func tell(_ words: String...) throws -> String {
    let outcome = try Program.run([Self.script] + words, environment: environment)
    #expect(outcome.status == 0, "\(words): \(outcome.errors)")
    return outcome.output
  }

  /// What to call instead of ssh.
  var ssh: String { "ssh -F " + sshConfig }
  var sshConfig: String { directory.path("hosts/ssh_config") }

  /// Runs a command on one of them.
  func run(_ command: [String], on host: String = "host0", environment: [String: String] = [:]) throws
    -> Program.Outcome
  {
    try Program.run(
      [Self.script, "on", host] + command, environment: self.environment.merging(environment) { $1 })
  }

  /// Starts a command on the first of them.
  func start(_ command: [String], environment: [String: String] = [:]) throws -> RunningProgram {
    try RunningProgram(
      [Self.script, "on", "host0"] + command, environment: self.environment.merging(environment) { $1 })
  }
}

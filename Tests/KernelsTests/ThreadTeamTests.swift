import Kernels
import Synchronization
import Testing

@Suite struct ThreadTeamTests {
  @Test(arguments: [1, 2, 3, 7])
  func everyShareIsDoneOnce(size: Int) {
    let team = ThreadTeam(size: size)
    defer { team.end() }
    // Fewer shares than threads, many rounds at once, and rounds after which all have gone to sleep.
    for count in [0, 1, 2, 5, 100] + [Int](repeating: 9, count: 2_000) {
      let sum = Atomic<Int>(0)
      team.share(count) { share, _ in sum.add(share.reduce(0) { $0 + $1 + 1 }, ordering: .relaxed) }
      #expect(sum.load(ordering: .relaxed) == count * (count + 1) / 2)
    }
  }

  @Test func aTeamThatSleepsWakesUp() async throws {
    let team = ThreadTeam(size: 3)
    defer { team.end() }
    for _ in 0..<3 {
      try await Task.sleep(for: .milliseconds(20))
      let members = Atomic<Int>(0)
      team.share(3) { _, member in members.add(1 << member, ordering: .relaxed) }
      #expect(members.load(ordering: .relaxed) == 7)
    }
  }
}

import Ranks
import TestSupport
import Testing
import WorldContract

@Suite struct WorldTests {
  @Test(arguments: [1, 2, 3, 4, 8])
  func threadsKeepTheContract(ranks: Int) throws {
    let violations = try ThreadWorld.run(size: ranks) { try worldContractViolations($0) }
    #expect(violations.flatMap { $0 } == [])
  }

  @Test(arguments: [1, 2, 3, 4])
  func openMPIKeepsTheContract(ranks: Int) throws {
    let outcome = try Program.run("world-contract-probe", [], ranks: ranks)
    #expect(outcome.status == 0, "\(outcome.output) \(outcome.errors)")
    #expect(outcome.output.contains("ranks: \(ranks)"))
  }

  @Test func aSingleRankNeedsNoThread() throws {
    #expect(try worldContractViolations(ThreadWorld.single()) == [])
  }

  @Test func aFailingRankWakesTheOthers() {
    struct Broken: Error {}
    #expect(throws: Broken.self) {
      try ThreadWorld.run(size: 3) { world in
        if world.rank == 1 { throw Broken() }
        try world.barrier()
      }
    }
  }
}

@Suite struct LaunchTests {
  @Test func withoutALauncherThereIsOneRank() throws {
    let launch = try Launch(environment: [:])
    #expect(launch.isRoot && !launch.isMPI)
  }

  @Test func openMPIIsRecognised() throws {
    let launch = try Launch(environment: ["OMPI_COMM_WORLD_RANK": "2"])
    #expect(launch.rank == 2 && launch.isMPI && !launch.isRoot)
  }

  @Test func anotherMPIIsRefused() {
    #expect(throws: RankError.self) { try Launch(environment: ["PMI_SIZE": "4", "PMI_RANK": "1"]) }
  }
}

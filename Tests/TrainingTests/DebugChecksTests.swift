import Kernels
import Ranks
import TestSupport
import Testing
import Training

/// That the checks of `debug` notice what they are for.
@Suite struct DebugChecksTests {
  private let directory = TemporaryDirectory()

  /// What the run's first failure says, or nil if it does not fail.
  private func finding(ranks: Int, _ inspectors: @escaping @Sendable () -> [any StepInspector]) throws
    -> String?
  {
    var config = TrainingFixture.config(directory)
    config.runDir = directory.path("run")
    config.maxSteps = 5
    let findings = try ThreadWorld.run(size: ranks) { [config] world -> String? in
      do {
        try TrainingRun(
          RunStart(config), world, SilentObserver(), TrainingFixture.silentLogger, inspectors: inspectors()
        ).run()
        return nil
      } catch let failure as AgreedFailure {
        return failure.cause.map { "\($0)" }
      }
    }
    return findings.compactMap { $0 }.first
  }

  @Test(arguments: [1, 2, 3, 8])
  func aSoundRunPasses(ranks: Int) throws {
    #expect(try finding(ranks: ranks) { [DebugChecks()] } == nil)
  }

  @Test func theRankTensorAndElementThatDifferAreNamed() throws {
    let found = try finding(ranks: 4) { [PlantedFault(step: 3, rank: 2), DebugChecks()] }
    let expected = "after step 3, expected the same rnn.weight_hh_l0[14] on all ranks, found "
    #expect(found?.hasPrefix(expected) == true, "\(found ?? "nothing")")
    #expect(found?.contains("on rank 2 and") == true)
  }

  /// Options that come from a file may differ where the command lines do not.
  @Test func theRankAndOptionThatDifferAreNamed() throws {
    let config = TrainingFixture.config(directory)
    let findings = try ThreadWorld.run(size: 4) { world -> String? in
      var own = config
      if world.rank == 0 { own.hidden = 13 }
      do {
        _ = try TrainingRun(RunStart(own), world, SilentObserver(), TrainingFixture.silentLogger)
        return nil
      } catch let failure as AgreedFailure {
        return failure.cause.map { "\($0)" }
      }
    }
    let found = findings.compactMap { $0 }
    #expect(found.count == 1)
    #expect(found.first?.hasPrefix("rank 0 on ") == true)
    #expect(found.first?.hasSuffix("expected --hidden 12 as on other ranks, found 13") == true)
  }

  /// Something that spoils a step on rank 1 before the checks see it.
  private final class Spoiler: StepInspector {
    let atForward: (Trainer) -> Void
    let atGradient: (Trainer) -> Void

    init(
      atForward: @escaping (Trainer) -> Void = { _ in }, atGradient: @escaping (Trainer) -> Void = { _ in }
    ) {
      self.atForward = atForward
      self.atGradient = atGradient
    }

    func forwardEnded(_ trainer: Trainer) { atForward(trainer) }
    func gradientCombined(_ trainer: Trainer) { atGradient(trainer) }
  }

  @Test func aStateThatBackwardTouchesIsFound() throws {
    let found = try finding(ranks: 2) { [Spoiler(atGradient: { $0.state.h[3] += 1 }), DebugChecks()] }
    #expect(found?.hasPrefix("step 1, rank 0: expected backward to leave the hidden state alone") == true)
  }

  @Test func aStateThatIsNotFiniteIsFound() throws {
    let found = try finding(ranks: 2) { [Spoiler(atForward: { $0.state.c[5] = .nan }), DebugChecks()] }
    #expect(found == "step 1, rank 0: expected finite states, found nan in c[5]")
  }
}

import Foundation
import Kernels
import Ranks
import TestSupport
import Testing
import Training

@Suite struct TrainerTests {
  private let directory = TemporaryDirectory()

  /// Dropout, clipping and random windows on; shards unequal on three and four ranks.
  private func configWithEverything(_ cell: String) -> TrainingConfig {
    var config = TrainingFixture.config(directory, cell: cell)
    config.dropout = 0.3
    config.bpttJitter = true
    config.clipNorm = 0.5
    config.weightDecay = 1e-4
    return config
  }

  @Test(arguments: ["rnn", "gru", "lstm"])
  func anyNumberOfRanksFollowsTheSameCurve(cell: String) throws {
    let config = configWithEverything(cell)
    let alone = try TrainingFixture.steps(50, config, ranks: 1)[0]
    #expect(alone.losses.last! < alone.losses.first! - 0.3, "nothing learned: \(alone.losses)")
    for ranks in [2, 3, 4, 10] {
      for steps in try TrainingFixture.steps(50, config, ranks: ranks) {
        for (step, (loss, expected)) in zip(steps.losses, alone.losses).enumerated() {
          #expect(abs(loss - expected) < 1e-4, "\(ranks) ranks, step \(step)")
        }
      }
    }
  }

  @Test(arguments: [2, 3, 4])
  func allRanksHoldTheSameBitsAfterEveryStep(ranks: Int) throws {
    let all = try TrainingFixture.steps(50, configWithEverything("gru"), ranks: ranks)
    for steps in all.dropFirst() { #expect(steps.hashes == all[0].hashes) }
    #expect(Set(all[0].hashes).count == 50, "parameters did not move at every step")
  }

  /// With shards of 3, 3 and 4 streams the mean of the ranks' means would be another number.
  @Test func lossIsTheMeanOverAllCharacters() throws {
    let config = TrainingFixture.config(directory)
    let alone = try TrainingFixture.steps(1, config, ranks: 1)[0]
    let three = try TrainingFixture.steps(1, config, ranks: 3)[0]
    #expect(abs(alone.losses[0] - three.losses[0]) < 1e-7)
    #expect(abs(alone.norms[0] - three.norms[0]) < 1e-6 * alone.norms[0])
  }

  @Test func aRunCanBeRepeatedExactly() throws {
    let config = configWithEverything("lstm")
    let first = try TrainingFixture.steps(20, config, ranks: 2)[0]
    let second = try TrainingFixture.steps(20, config, ranks: 2)[0]
    #expect(first.hashes == second.hashes)
    var other = config
    other.seed = 1
    #expect(try TrainingFixture.steps(1, other, ranks: 2)[0].hashes[0] != first.hashes[0])
  }

  @Test(arguments: [false, true])
  func stateIsCarriedAcrossWindowsAndAcrossEpochsOnRequest(carries: Bool) throws {
    var config = TrainingFixture.config(directory)
    config.carryStateAcrossEpochs = carries
    let world = ThreadWorld.single()
    let trainer = try Trainer(config, SharedText(config, world), world)
    trainer.beginWhatBegins()
    _ = try trainer.step(learningRate: 0.01)
    let before = trainer.state.h.array
    #expect(before.contains { $0 != 0 })
    trainer.endEpoch()
    trainer.beginWhatBegins()
    #expect(trainer.state.h.array == (carries ? before : before.map { _ in 0 }))
    #expect(trainer.state.c.array.contains { $0 != 0 } == carries)
  }

  /// With decay d the parameters after update k of n count `d^(n-k) (1 - d) / (1 - d^n)`; the ranks' own parts make up the whole.
  @Test(arguments: [1, 2])
  func theAverageIsThatOfTheSteps(ranks: Int) throws {
    var config = TrainingFixture.config(directory)
    config.averageDecay = 0.8
    let runs = try ThreadWorld.run(size: ranks) { [config] world in
      let trainer = try Trainer(config, SharedText(config, world), world)
      trainer.beginWhatBegins()
      var all: [[Float]] = []
      for _ in 0..<5 {
        _ = try trainer.step(learningRate: 0.01)
        all.append(trainer.parameters.values)
      }
      _ = try trainer.collectStates()
      return (all: all, average: trainer.trained.values)
    }
    let weights = (0..<5).map { pow(0.8, Double(4 - $0)) * (1 - 0.8) / (1 - pow(0.8, 5)) }
    for run in runs {
      let expected = run.average.indices.map { index in
        Float((0..<5).reduce(0.0) { $0 + weights[$1] * Double(run.all[$1][index]) })
      }
      #expect(relativeError(run.average, expected) < 1e-6)
      #expect(relativeError(run.average, run.all[4]) > 1e-3)
    }
  }

  @Test func clippingBoundsTheStep() throws {
    // After the first step Adam's first moment is a tenth of the gradient that it was given.
    var config = TrainingFixture.config(directory)
    func momentNorm() throws -> (moment: Double, recorded: Double) {
      let world = ThreadWorld.single()
      let trainer = try Trainer(config, SharedText(config, world), world)
      trainer.beginWhatBegins()
      let record = try trainer.step(learningRate: 0.01)
      return (10 * norm(trainer.adam.firstMoment.flat), record.gradientNorm)
    }
    let free = try momentNorm()
    #expect(abs(free.moment - free.recorded) < 1e-5 * free.recorded)
    config.clipNorm = free.recorded / 100
    let clipped = try momentNorm()
    #expect(clipped.recorded == free.recorded)
    #expect(abs(clipped.moment - free.recorded / 100) < 1e-4 * free.recorded / 100)
  }
}

@Suite struct WindowLengthsTests {
  private func lengths(jitter: Bool, seed: UInt64 = 1) -> WindowLengths {
    WindowLengths(nominal: 8, jitter: jitter, random: .init(seed: seed))
  }

  @Test func fixedUnlessTheTextEnds() {
    #expect(lengths(jitter: false).length(step: 3, left: 100) == 8)
    #expect(lengths(jitter: false).length(step: 3, left: 5) == 5)
    #expect(lengths(jitter: false).longest == 8)
    #expect(lengths(jitter: false).maximumStepsPerEpoch(columns: 7589) == nil)
  }

  /// The notebook's `max(5, trunc(Normal(b, 5)))`, b = 8 in 95% of steps, else 4.
  @Test func jitterHasTheNotebooksDistribution() {
    let lengths = lengths(jitter: true)
    let count = 100_000
    let drawn = (0..<count).map { lengths.length(step: $0, left: .max) }
    #expect(drawn.allSatisfy { $0 >= 5 && $0 <= lengths.longest })
    func share(_ predicate: (Int) -> Bool) -> Double {
      Double(drawn.filter(predicate).count) / Double(count)
    }
    // P(trunc(N) <= 5) = P(N < 6) = Phi(-0.4) at b = 8 and Phi(0.4) at b = 4.
    #expect(abs(share { $0 == 5 } - (0.95 * 0.34458 + 0.05 * 0.65542)) < 0.008)
    // P(N >= 13) = Phi(-1) and Phi(-1.8).
    #expect(abs(share { $0 >= 13 } - (0.95 * 0.15866 + 0.05 * 0.03593)) < 0.006)
  }

  /// 947 nominal batches on the notebook's text; real epochs have about 906 windows.
  @Test func anEpochOfTheNotebooksText() {
    let lengths = lengths(jitter: true)
    #expect(lengths.maximumStepsPerEpoch(columns: 7589) == 947)
    var step = 0
    let epochs = 20
    for _ in 0..<epochs {
      var (cursor, inEpoch) = (0, 0)
      while cursor < 7588, inEpoch < 947 {
        cursor += lengths.length(step: step, left: 7588 - cursor)
        (step, inEpoch) = (step + 1, inEpoch + 1)
      }
    }
    #expect(abs(Double(step) / Double(epochs) - 906) < 25)
  }

  @Test func lengthsDependOnSeedAndStepAlone() {
    let (one, other) = (lengths(jitter: true), lengths(jitter: true, seed: 2))
    let steps = 0..<50
    #expect(steps.map { one.length(step: $0, left: 99) } == steps.map { one.length(step: $0, left: 99) })
    #expect(steps.map { one.length(step: $0, left: 99) } != steps.map { other.length(step: $0, left: 99) })
  }
}

@Suite struct SmoothedLossTests {
  @Test func theFirstLossIsTheMean() {
    var loss = SmoothedLoss()
    #expect(loss.value == nil)
    loss.add(3)
    #expect(abs(loss.value! - 3) < 1e-12)
    loss.add(1)
    // (0.98 * 0.02 * 3 + 0.02 * 1) / (1 - 0.98^2)
    #expect(abs(loss.value! - 0.0788 / 0.0396) < 1e-12)
  }
}

@Suite struct RankCheckTests {
  /// One bit of one parameter, on one of three ranks.
  @Test func aRankThatDiffersIsNamedOnAllRanks() throws {
    let directory = TemporaryDirectory()
    let config = TrainingFixture.config(directory)
    let messages = try ThreadWorld.run(size: 3) { world -> String in
      let trainer = try Trainer(config, SharedText(config, world), world)
      try trainer.checkRanksAgree()
      let value = trainer.parameters.flat[77]
      if world.rank == 2 { trainer.parameters.flat[77] = Float(bitPattern: value.bitPattern ^ 1) }
      do {
        try trainer.checkRanksAgree()
        return "no failure"
      } catch let failure as AgreedFailure {
        return failure.cause.map { "\($0)" } ?? ""
      }
    }
    #expect(messages.allSatisfy { $0.contains("on rank 2") }, "\(messages)")
  }
}

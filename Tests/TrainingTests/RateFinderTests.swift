import Foundation
import Ranks
import TestSupport
import Testing
import Training

@Suite struct RateFinderTests {
  private let directory = TemporaryDirectory()

  @Test func ratesRiseGeometrically() {
    let finder = RateFinder(rates: 1e-4...1, steps: 5)
    for (step, expected) in [1e-4, 1e-3, 1e-2, 1e-1, 1].enumerated() {
      #expect(abs(finder.rate(step) / expected - 1) < 1e-12)
    }
  }

  /// It stops where the loss explodes, suggests a rate below that, and leaves everything as it was.
  @Test(arguments: [1, 3])
  func theModelIsAsItWas(ranks: Int) throws {
    let config = TrainingFixture.config(directory)
    let outcomes = try ThreadWorld.run(size: ranks) { world -> RateFinder.Outcome in
      let trainer = try Trainer(config, SharedText(config, world), world)
      trainer.beginWhatBegins()
      for _ in 0..<5 { _ = try trainer.step(learningRate: 0.01) }
      func moments() -> [Float] { trainer.adam.firstMoment.flat.array + trainer.adam.secondMoment.flat.array }
      let momentsBefore = moments()
      let before = (trainer.parametersHash, trainer.state.h.array, trainer.progress, trainer.adam.stepCount)
      let outcome = try RateFinder(rates: 1e-5...1e5, steps: 150).run(trainer)
      let after = (trainer.parametersHash, trainer.state.h.array, trainer.progress, trainer.adam.stepCount)
      #expect(before == after)
      #expect(moments() == momentsBefore)
      return outcome
    }
    let outcome = outcomes[0]
    #expect(outcomes.allSatisfy { $0 == outcome }, "ranks differ")
    #expect(outcome.points.count < 150, "it never stopped")
    let last = try #require(outcome.points.last)
    let best = try #require(outcome.points.compactMap(\.smoothedLoss).min())
    #expect(last.smoothedLoss ?? .infinity > 4 * best)
    let steepest = try #require(outcome.steepest)
    let minimum = try #require(outcome.minimumTenth) * 10
    #expect(steepest > 1e-5 && steepest <= minimum && minimum < last.learningRate)
  }

  /// Sums of weights as large as the rate overflow in the next step.
  @Test func itStopsWhereTheLossIsBeyondAllNumbers() throws {
    let config = TrainingFixture.config(directory)
    let outcome = try ThreadWorld.run(size: 1) { world -> RateFinder.Outcome in
      let trainer = try Trainer(config, SharedText(config, world), world)
      let before = trainer.parametersHash
      let outcome = try RateFinder(rates: 1e38...2e38, steps: 20).run(trainer)
      #expect(trainer.parametersHash == before)
      return outcome
    }[0]
    #expect(outcome.points.count == 2)
    #expect(outcome.points.map { $0.loss == nil } == [false, true])
    #expect(outcome.points.map { $0.smoothedLoss == nil } == [false, true])
    #expect(outcome.steepest == nil)
  }
}

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

  /// A tenth of the best rate may be one that has not been looked at.
  @Test func noRateBelowTheFirstIsSuggested() {
    func outcome(firstRate: Double) -> RateFinder.Outcome {
      RateFinder.Outcome(
        (0..<100).map { step in
          let rate = firstRate * pow(1.1, Double(step))
          let loss = 1 + abs(Double(step) - 20) / 20
          return RateFinder.Point(step: step + 1, learningRate: rate, loss: loss, smoothedLoss: loss)
        })
    }
    #expect(outcome(firstRate: 1).minimumTenth == nil && outcome(firstRate: 1).steepest != nil)
  }

  /// It stops where the loss explodes, suggests a rate below that, and leaves everything as it was.
  @Test(arguments: [1, 3])
  func theModelIsAsItWas(ranks: Int) throws {
    var config = TrainingFixture.config(directory)
    config.averageDecay = 0.9
    let outcomes = try ThreadWorld.run(size: ranks) { [config] world -> RateFinder.Outcome in
      let trainer = try Trainer(config, SharedText(config, world), world)
      trainer.beginWhatBegins()
      for _ in 0..<5 { _ = try trainer.step(learningRate: 0.01) }
      // Average and moments, and the LSTM's cells.
      func others() -> [[Float]] {
        let sets = [trainer.adam.firstMoment, trainer.adam.secondMoment, trainer.average!.parameters]
        return sets.map(\.flat.array) + [trainer.state.c.array]
      }
      let othersBefore = others()
      let before = (trainer.parametersHash, trainer.state.h.array, trainer.progress, trainer.adam.stepCount)
      let outcome = try RateFinder(rates: 1e-5...1e5, steps: 150).run(trainer)
      let after = (trainer.parametersHash, trainer.state.h.array, trainer.progress, trainer.adam.stepCount)
      #expect(before == after)
      #expect(others() == othersBefore && othersBefore.count == 4)
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

  /// Over powers of ten: a fall of 1, of 2, of 0.5, then up. The first and the last of forty do not count.
  @Test func suggestionsAreThoseOfTheCurve() {
    func outcome(_ losses: [Double]) -> RateFinder.Outcome {
      .init(
        losses.enumerated().map { index, loss in
          .init(
            step: index + 1, learningRate: pow(10, Double(index) / 10 - 5), loss: loss, smoothedLoss: loss)
        })
    }
    var losses = [99.0, 9] + (0..<36).map { 5 - 0.01 * Double($0) } + [40, 1]
    losses[12] = losses[11] - 1
    for index in 13..<30 { losses[index] = losses[index - 1] - (index == 20 ? 2 : 0.001) }
    for index in 30..<39 { losses[index] = losses[29] + Double(index - 29) }
    let found = outcome(losses)
    #expect(abs(found.steepest! / pow(10, 20 / 10 - 5) - 1) < 1e-9, "\(found.steepest!)")
    #expect(abs(found.minimumTenth! / pow(10, 29.0 / 10 - 6) - 1) < 1e-9, "\(found.minimumTenth!)")
    #expect(!found.fallsAtEnd)
    // One that falls to its end has no lowest place, one that rises from the beginning no steepest.
    let falling = outcome((0..<40).map { 5 - 0.1 * Double($0) })
    #expect(falling.fallsAtEnd && falling.minimumTenth == nil && falling.steepest != nil)
    let rising = outcome((0..<40).map { 1 + 0.1 * Double($0) })
    #expect(!rising.fallsAtEnd && rising.steepest == nil && rising.minimumTenth == nil)
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

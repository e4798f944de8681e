import CharModel
import Foundation
import Kernels
import TestSupport
import Testing
import Text
import Training

@Suite struct EvaluatorTests {
  /// Against the explicit loop over each stream.
  @Test(arguments: [1, 3, 7])
  func meanOverEveryCharacterPredicted(streams: Int) throws {
    let parameters = ParameterSet(
      try ModelConfig(
        cell: CellKind(named: "lstm")!, vocabulary: 9, embedding: 4, hidden: 6, layers: 2))
    parameters.initialise(RandomSource(seed: 2))
    var numbers = TestNumbers(8)
    let tokens = Tokens(.bytes(numbers.tokens(320, below: 9).map { UInt8($0) }))
    let evaluation = try Evaluator(parameters, tokens, streams: streams, name: "", Compute(.simd)).evaluate()
    let columns = 320 / streams
    #expect(evaluation.characters == streams * (columns - 1))
    var sum = 0.0
    for b in 0..<streams {
      var state = parameters.initialStreamState()
      for column in 0..<columns - 1 {
        let logits = parameters.step(tokens[b * columns + column], &state).map(Double.init)
        sum += log(logits.reduce(0) { $0 + exp($1) }) - logits[Int(tokens[b * columns + column + 1])]
      }
    }
    #expect(abs(evaluation.natsPerCharacter - sum / Double(evaluation.characters)) < 1e-6)
    #expect(abs(evaluation.bitsPerCharacter * log(2) - evaluation.natsPerCharacter) < 1e-12)
  }

  @Test func theLossesOfAllCharactersMakeTheMean() throws {
    let (parameters, tokens) = try small()
    let whole = try Evaluator(parameters, tokens, streams: 3, name: "", Compute(.simd)).evaluate()
    var progress: [Double] = []
    let (evaluation, predictions) = try Evaluator(
      parameters, tokens, streams: 3, name: "", Compute(.simd)
    ).evaluateEachCharacter { progress.append($0) }
    let losses = predictions.losses
    #expect(evaluation == whole)
    #expect(progress.first == 0 && progress.last == 1 && progress.sorted() == progress)
    #expect(losses.count == 318 && losses.indices.filter { losses[$0].isNaN } == [0, 106, 212])
    #expect(losses.indices.filter { predictions.likeliest[$0] == nil } == [0, 106, 212])
    let sum = losses.reduce(0) { $0 + ($1.isNaN ? 0 : Double($1)) }
    #expect(abs(sum / 315 - whole.natsPerCharacter) < 1e-6)
    // What comes 50th in the second stream.
    var state = parameters.initialStreamState()
    var logits: [Float] = []
    for index in 106..<155 {
      logits = parameters.step(tokens[index], &state)
      #expect(predictions.likeliest[index + 1] == UInt16(logits.indices.max { logits[$0] < logits[$1] }!))
    }
    let weights = logits.map { exp(Double($0)) }
    #expect(abs(Double(losses[155]) + log(weights[Int(tokens[155])] / weights.reduce(0, +))) < 1e-5)
  }

  /// Gradient descent on each window once it has been predicted, by the explicit loop over windows.
  @Test func dynamicEvaluationLearnsWhatItHasRead() throws {
    let (parameters, tokens) = try small()
    let (copy, _) = try small()
    let losses = try Evaluator(
      parameters, tokens, streams: 2, name: "", learningRate: 0.25, Compute(.simd)
    ).evaluateEachCharacter().predictions.losses
    let gradient = GradientPart(allOf: 2, ParameterSet(copy.config))
    let pass = WindowPass(copy, streams: 2, capacity: 20, Compute(.simd))
    let state = HiddenState(copy.config, streams: 2)
    var expected = 0.0
    for start in stride(from: 0, to: 159, by: 20) {
      let times = start..<min(start + 20, 159)
      let inputs = times.flatMap { [tokens[$0], tokens[160 + $0]] }
      let targets = times.flatMap { [tokens[$0 + 1], tokens[160 + $0 + 1]] }
      _ = pass.forward(inputs, state: state)
      expected += pass.loss(targets)
      pass.backward(inputs, targets, scale: 1 / Float(inputs.count), into: [gradient])
      for index in 0..<copy.flat.count { copy.flat[index] -= 0.25 * gradient.gradient.flat[index] }
    }
    let sum = losses.reduce(0) { $0 + ($1.isNaN ? 0 : Double($1)) }
    #expect(abs(sum / expected - 1) < 1e-5)
    for index in 0..<copy.flat.count { #expect(abs(copy.flat[index] - parameters.flat[index]) < 1e-5) }
  }

  private func small() throws -> (ParameterSet, Tokens) {
    let parameters = ParameterSet(
      try ModelConfig(cell: CellKind(named: "gru")!, vocabulary: 9, embedding: 4, hidden: 6, layers: 2))
    parameters.initialise(RandomSource(seed: 2))
    var numbers = TestNumbers(8)
    return (parameters, Tokens(.bytes(numbers.tokens(320, below: 9).map { UInt8($0) })))
  }

  @Test func theWorstPassagesComeFirstAndDoNotOverlap() {
    var losses = [Float](repeating: 1, count: 500)
    losses[0] = .nan
    for index in 100..<150 { losses[index] = 3 }
    losses[300] = 30
    let passages = SurprisingPassage.worst(losses, count: 4)
    #expect(passages.map(\.characters) == [100..<140, 261..<301, 140..<180, 0..<40])
    #expect(passages[0].natsPerCharacter == 3)
    #expect(abs(passages[1].natsPerCharacter - (39 + 30) / 40) < 1e-12)
    #expect(passages[2].natsPerCharacter == 1.5)
    #expect(SurprisingPassage.worst([1, 2, 3], count: 5).map(\.characters) == [0..<3])
    #expect(SurprisingPassage.worst([], count: 5).isEmpty)
    // The first of a text is given, not predicted.
    #expect(SurprisingPassage.worst([.nan, 2, 4], count: 1).map(\.natsPerCharacter) == [3])
    #expect(SurprisingPassage.worst(losses, count: 1000).count <= 12)
  }

  @Test func asManyStreamsAsTheTextAllows() {
    #expect(Evaluator.streams(wanted: 64, count: 1000) == 64)
    #expect(Evaluator.streams(wanted: 64, count: 9) == 4)
    #expect(Evaluator.streams(wanted: 64, count: 1) == 1)
  }
}

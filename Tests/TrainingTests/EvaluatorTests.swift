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

  @Test func asManyStreamsAsTheTextAllows() {
    #expect(Evaluator.streams(wanted: 64, count: 1000) == 64)
    #expect(Evaluator.streams(wanted: 64, count: 9) == 4)
    #expect(Evaluator.streams(wanted: 64, count: 1) == 1)
  }
}

import CharModel
import Kernels
import TestSupport
import Testing

/// A small model with random parameters and a window of random text: all sizes differ, so that no transposed
/// matrix can pass.
final class ModelFixture {
  static let (vocabulary, embedding, hidden, streams, length) = (11, 5, 7, 3, 4)

  /// All that can be dropped.
  static let dropouts = [
    Dropout(between: 0.4),
    Dropout(between: 0.2, output: 0.3),
  ]

  let model: ModelConfig
  let parameters: ParameterSet
  let pass: WindowPass
  let inputs: [UInt16]
  let targets: [UInt16]
  /// What every window starts from.
  private let start: HiddenState

  init(
    _ cell: CellKind, layers: Int, dropout: Dropout = .none, length: Int = length,
    _ backend: ProductBackend = .simd
  ) throws {
    model = try ModelConfig(
      cell: cell, vocabulary: Self.vocabulary, embedding: Self.embedding, hidden: Self.hidden, layers: layers)
    parameters = ParameterSet(model)
    parameters.initialise(RandomSource(seed: 3))
    // Twice the usual weights, so that the lower layers matter too.
    for index in 0..<parameters.flat.count { parameters.flat[index] *= 2 }
    pass = WindowPass(
      parameters, streams: Self.streams, capacity: length, depth: 2, dropout: dropout, Compute(backend))
    var numbers = TestNumbers(17)
    inputs = numbers.tokens(length * Self.streams, below: Self.vocabulary)
    targets = numbers.tokens(length * Self.streams, below: Self.vocabulary)
    start = HiddenState(model, streams: Self.streams)
    numbers.fill(start.h, scale: 0.5)
    numbers.fill(start.c, scale: 0.5)
  }

  func startState() -> HiddenState {
    let state = HiddenState(model, streams: Self.streams)
    state.h.copy(from: start.h)
    state.c.copy(from: start.c)
    return state
  }

  /// The mean loss over the window, from the start state.
  func loss(_ dropout: DropoutSite? = nil) -> Double {
    _ = pass.forward(inputs, state: startState(), dropout: dropout)
    return pass.loss(targets) / Double(targets.count)
  }

  /// The gradient of ``loss(_:)``.
  func gradient(
    _ dropout: DropoutSite? = nil, blocks: [Range<Int>] = [0..<streams]
  ) -> ParameterSet {
    let gradient = ParameterSet(model)
    // What was there before must not matter.
    gradient.flat.fill(9)
    _ = pass.forward(inputs, state: startState(), dropout: dropout)
    pass.backward(
      inputs, targets, scale: 1 / Float(targets.count),
      into: [GradientPart(SumTree(count: blocks.count), streams: blocks, gradient)])
    return gradient
  }
}

extension CellKind: CustomTestStringConvertible {
  public var testDescription: String { name }
}

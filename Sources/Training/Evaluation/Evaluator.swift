import CharModel
import Kernels
import Text

/// Runs a model over streams of a text from a zero state of its own, without dropout.
///
/// With a learning rate, it goes on learning what it reads: dynamic evaluation, by plain gradient descent on each window once that has been predicted.
/// Source: Krause et al., arXiv:1709.07432.
public final class Evaluator {
  private let parameters: ParameterSet
  private let text: TextStreams
  /// Of the whole text, on all ranks.
  let split: StreamSplit
  private let pass: WindowPass
  private let learning: Learning?

  private struct Learning {
    let rate: Float
    let gradient: GradientPart
  }

  /// Long enough for efficient products, short enough for little memory; the result does not depend on it.
  private static let windowLength = 32
  /// Of a window that is learnt from; the result depends on it. The source's, for characters.
  public static let windowLengthToLearn = 20

  /// - Parameters:
  ///   - text: some of the streams into which the text is split, at least one.
  ///   - split: of the whole.
  ///   - learningRate: for gradients of the mean loss over a window of all these streams; `parameters` then change. Nil to leave them as they are.
  /// - Throws: ``MemoryError``.
  init(
    _ parameters: ParameterSet, _ text: TextStreams, of split: StreamSplit, learningRate: Float? = nil,
    _ compute: Compute
  ) throws {
    let capacity = min(
      learningRate == nil ? Self.windowLength : Self.windowLengthToLearn, split.columns - 1)
    // Packed weights, a gradient, and weights packed for the way back.
    try parameters.config.requireMemory(
      copies: learningRate == nil ? 1 : 3, streams: text.count, length: capacity)
    learning = learningRate.map {
      Learning(
        rate: $0, gradient: GradientPart(allOf: text.count, ParameterSet(parameters.config)))
    }
    self.parameters = parameters
    self.text = text
    self.split = split
    pass = WindowPass(parameters, streams: text.count, capacity: capacity, compute)
  }

  /// For all streams of a text.
  ///
  /// - Parameters:
  ///   - parameters: the model.
  ///   - tokens: the text, in its vocabulary.
  ///   - streams: the pieces into which the text is split, at least 1.
  ///   - name: what an error calls the text.
  ///   - learningRate: above 0, to go on learning, which changes `parameters`.
  ///   - compute: what multiplies, on which threads.
  /// - Throws: `TextError` if the text is too short for the streams, ``MemoryError``.
  public convenience init(
    _ parameters: ParameterSet, _ tokens: Tokens, streams: Int, name: String, learningRate: Float? = nil,
    _ compute: Compute
  ) throws {
    let split = try StreamSplit(count: tokens.count, streams: streams, name: name)
    let text = TextStreams(tokens, streams: 0..<streams, columns: split.columns)
    try self.init(parameters, text, of: split, learningRate: learningRate, compute)
  }

  /// Those of the text's streams that it runs.
  var streams: Range<Int> { text.streams }

  /// The characters that an evaluation predicts, on all ranks.
  public var characters: Int { (split.columns - 1) * split.streams }

  /// The loss over each of this evaluator's streams, in nats.
  ///
  /// - Parameter goesOn: given the part that is done, now and then; tells whether to go on.
  /// - Returns: nil if not.
  func streamLosses(goesOn: (_ fraction: Double) throws -> Bool) rethrows -> [Double]? {
    var none: CharacterPredictions?
    return try withoutSubnormals { try findStreamLosses(goesOn, &none) }
  }

  /// - Parameter predictions: filled where there are any.
  private func findStreamLosses(
    _ goesOn: (_ fraction: Double) throws -> Bool, _ predictions: inout CharacterPredictions?
  ) rethrows -> [Double]? {
    let state = HiddenState(parameters.config, streams: text.count)
    var window = TextWindow(capacity: pass.capacity * text.count)
    let last = text.columns - 1
    var losses = [Double](repeating: 0, count: text.count)
    guard try goesOn(0) else { return nil }
    for column in stride(from: 0, to: last, by: pass.capacity) {
      let length = min(pass.capacity, last - column)
      text.read(&window, column: column, length: length)
      let logits = pass.forward(window.inputs, state: state)
      predictions?.addLikeliest(logits, column, of: text)
      if let learning { learn(learning, window) } else { _ = pass.loss(window.targets) }
      for stream in losses.indices {
        losses[stream] += pass.loss(ofStreams: stream..<stream + 1, length: length)
      }
      predictions?.addLosses(pass, column, length, of: text)
      guard try goesOn(Double(column + length) / Double(last)) else { return nil }
    }
    return losses
  }

  /// What is learnt from a window changes what follows, not its own losses.
  private func learn(_ learning: Learning, _ window: TextWindow) {
    pass.backward(
      window.inputs, window.targets, scale: 1 / Float(window.targets.count), into: [learning.gradient])
    add(learning.gradient.gradient.flat, times: -learning.rate, to: parameters.flat)
  }

  /// What the losses of all streams, in their order, amount to: the same bits whoever has computed them.
  func evaluation(_ streamLosses: [Double]) -> Evaluation {
    Evaluation(
      natsPerCharacter: streamLosses.reduce(0, +) / Double(characters), characters: characters)
  }

  /// Of all streams.
  ///
  /// - Parameter progress: given the part that is done, now and then.
  public func evaluate(progress: (_ fraction: Double) -> Void = { _ in }) -> Evaluation {
    let losses = streamLosses { fraction in
      progress(fraction)
      return true
    }
    return evaluation(losses!)
  }

  /// The same, and what became of each character.
  ///
  /// - Parameter progress: given the part that is done, now and then.
  public func evaluateEachCharacter(progress: (_ fraction: Double) -> Void = { _ in })
    -> (evaluation: Evaluation, predictions: CharacterPredictions)
  {
    var predictions: CharacterPredictions? = CharacterPredictions(count: text.count * text.columns)
    let losses = withoutSubnormals {
      findStreamLosses(
        { fraction in
          progress(fraction)
          return true
        }, &predictions)
    }
    return (evaluation(losses!), predictions!)
  }

  /// `wanted` streams, or as many as a text of `count` units allows.
  public static func streams(wanted: Int, count: Int) -> Int {
    max(1, min(wanted, count / 2))
  }
}

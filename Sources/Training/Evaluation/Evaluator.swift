import CharModel
import Glibc
import Kernels
import Text

/// How well a model predicts a text.
public struct Evaluation: Equatable, Sendable {
  /// The mean negative log-likelihood over all characters predicted.
  public let natsPerCharacter: Double
  /// The characters predicted: all of every stream but its first.
  public let characters: Int

  public var bitsPerCharacter: Double { natsPerCharacter / M_LN2 }
  /// Infinite where it is beyond all numbers.
  public var perplexity: Double { exp(natsPerCharacter) }

  /// One JSON object with these four and what else there is to know of the text; no perplexity where it is infinite.
  public func jsonLine(streams: Int, unknownCharacters: Int, charactersLeftOver: Int) throws -> String {
    try JSON.line(
      Report(
        natsPerCharacter: natsPerCharacter, bitsPerCharacter: bitsPerCharacter,
        perplexity: perplexity.isFinite ? perplexity : nil, characters: characters, streams: streams,
        unknownCharacters: unknownCharacters, charactersLeftOver: charactersLeftOver))
  }

  private struct Report: Encodable {
    let natsPerCharacter: Double
    let bitsPerCharacter: Double
    let perplexity: Double?
    let characters: Int
    let streams: Int
    let unknownCharacters: Int
    let charactersLeftOver: Int
  }
}

/// Runs a model over streams of a text from a zero state of its own, without dropout.
public final class Evaluator {
  private let parameters: ParameterSet
  private let text: TextStreams
  /// Of the whole text, on all ranks.
  let split: StreamSplit
  private let pass: WindowPass

  /// Long enough for efficient products, short enough for little memory; the result does not depend on it.
  private static let windowLength = 32

  /// - Parameters:
  ///   - text: some of the streams into which the text is split, at least one.
  ///   - split: of the whole.
  /// - Throws: ``MemoryError``.
  init(_ parameters: ParameterSet, _ text: TextStreams, of split: StreamSplit, _ compute: Compute) throws {
    let capacity = min(Self.windowLength, split.columns - 1)
    try parameters.config.requireMemory(copies: 1, streams: text.count, length: capacity)
    self.parameters = parameters
    self.text = text
    self.split = split
    pass = WindowPass(parameters, streams: text.count, capacity: capacity, compute)
  }

  /// For all streams of a text.
  ///
  /// - Parameters:
  ///   - streams: the pieces into which the text is split, at least 1.
  ///   - name: what an error calls the text.
  /// - Throws: `TextError` if the text is too short for the streams, ``MemoryError``.
  public convenience init(
    _ parameters: ParameterSet, _ tokens: Tokens, streams: Int, name: String, _ compute: Compute
  ) throws {
    let split = try StreamSplit(count: tokens.count, streams: streams, name: name)
    let text = TextStreams(tokens, streams: 0..<streams, columns: split.columns)
    try self.init(parameters, text, of: split, compute)
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
    try withoutSubnormals { try findStreamLosses(goesOn) }
  }

  private func findStreamLosses(_ goesOn: (_ fraction: Double) throws -> Bool) rethrows -> [Double]? {
    let state = HiddenState(parameters.config, streams: text.count)
    var window = TextWindow(capacity: pass.capacity * text.count)
    let last = text.columns - 1
    var losses = [Double](repeating: 0, count: text.count)
    guard try goesOn(0) else { return nil }
    for column in stride(from: 0, to: last, by: pass.capacity) {
      let length = min(pass.capacity, last - column)
      text.read(&window, column: column, length: length)
      _ = pass.forward(window.inputs, state: state)
      _ = pass.loss(window.targets)
      for stream in losses.indices {
        losses[stream] += pass.loss(ofStreams: stream..<stream + 1, length: length)
      }
      guard try goesOn(Double(column + length) / Double(last)) else { return nil }
    }
    return losses
  }

  /// What the losses of all streams, in their order, amount to: the same bits whoever has computed them.
  func evaluation(_ streamLosses: [Double]) -> Evaluation {
    Evaluation(
      natsPerCharacter: streamLosses.reduce(0, +) / Double(characters), characters: characters)
  }

  /// Of all streams.
  public func evaluate() -> Evaluation { evaluation(streamLosses { _ in true }!) }

  /// `wanted` streams, or as many as a text of `count` units allows.
  public static func streams(wanted: Int, count: Int) -> Int {
    max(1, min(wanted, count / 2))
  }
}

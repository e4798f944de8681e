import CharModel
import Glibc
import Text

/// How well a model predicts a text.
public struct Evaluation: Equatable, Sendable {
  /// The mean negative log-likelihood over all characters predicted.
  public let natsPerCharacter: Double
  /// The characters predicted: all of every stream but its first.
  public let characters: Int

  public var bitsPerCharacter: Double { natsPerCharacter / M_LN2 }
  public var perplexity: Double { exp(natsPerCharacter) }

  /// One JSON object with these four.
  public var jsonLine: String {
    get throws {
      try JSON.line(
        Report(
          natsPerCharacter: natsPerCharacter, bitsPerCharacter: bitsPerCharacter, perplexity: perplexity,
          characters: characters))
    }
  }

  private struct Report: Encodable {
    let natsPerCharacter: Double
    let bitsPerCharacter: Double
    let perplexity: Double
    let characters: Int
  }
}

/// Runs a model over texts, each from a zero state of its own, without dropout.
public final class Evaluator {
  private let parameters: ParameterSet
  private let streams: Int
  private let pass: WindowPass

  /// Long enough for efficient products, short enough for little memory; the result does not depend on it.
  private static let windowLength = 32

  /// - Parameter streams: the pieces into which each text is split.
  public init(_ parameters: ParameterSet, streams: Int) {
    self.parameters = parameters
    self.streams = streams
    pass = WindowPass(parameters, streams: streams, capacity: Self.windowLength)
  }

  /// - Parameters:
  ///   - name: what an error calls the text.
  ///   - onProgress: given the fraction done, now and then.
  /// - Throws: `TextError` if the text is too short for the streams.
  public func evaluate(
    _ tokens: Tokens, name: String, onProgress: (Double) -> Void = { _ in }
  ) throws -> Evaluation {
    let split = try StreamSplit(count: tokens.count, streams: streams, name: name)
    let text = TextStreams(tokens, streams: 0..<streams, columns: split.columns)
    let state = HiddenState(parameters.config, streams: streams)
    var window = TextWindow(capacity: Self.windowLength * streams)
    let last = split.columns - 1
    var sum = 0.0
    for column in stride(from: 0, to: last, by: Self.windowLength) {
      text.read(&window, column: column, length: min(Self.windowLength, last - column))
      _ = pass.forward(window.inputs, state: state)
      sum += pass.loss(window.targets)
      onProgress(Double(column) / Double(last))
    }
    let characters = last * streams
    return Evaluation(natsPerCharacter: sum / Double(characters), characters: characters)
  }

  /// `wanted` streams, or as many as a text of `count` units allows.
  public static func streams(wanted: Int, count: Int) -> Int {
    max(1, min(wanted, count / 2))
  }
}

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

  /// One JSON object with these four; no perplexity where it is infinite.
  public var jsonLine: String {
    get throws {
      try JSON.line(
        Report(
          natsPerCharacter: natsPerCharacter, bitsPerCharacter: bitsPerCharacter,
          perplexity: perplexity.isFinite ? perplexity : nil, characters: characters))
    }
  }

  private struct Report: Encodable {
    let natsPerCharacter: Double
    let bitsPerCharacter: Double
    let perplexity: Double?
    let characters: Int
  }
}

/// Runs a model over a text from a zero state of its own, without dropout.
public final class Evaluator {
  private let parameters: ParameterSet
  private let text: TextStreams
  private let pass: WindowPass

  /// Long enough for efficient products, short enough for little memory; the result does not depend on it.
  private static let windowLength = 32

  /// - Parameters:
  ///   - streams: the pieces into which the text is split, at least 1.
  ///   - name: what an error calls the text.
  /// - Throws: `TextError` if the text is too short for the streams, ``MemoryError``.
  public init(
    _ parameters: ParameterSet, _ tokens: Tokens, streams: Int, name: String, _ compute: Compute
  ) throws {
    let split = try StreamSplit(count: tokens.count, streams: streams, name: name)
    let capacity = min(Self.windowLength, split.columns - 1)
    try parameters.config.requireMemory(copies: 1, streams: streams, length: capacity)
    self.parameters = parameters
    text = TextStreams(tokens, streams: 0..<streams, columns: split.columns)
    pass = WindowPass(parameters, streams: streams, capacity: capacity, compute)
  }

  /// The characters that an evaluation predicts.
  public var characters: Int { (text.columns - 1) * text.count }

  /// - Parameter goesOn: given the characters predicted so far, now and then; tells whether to go on.
  /// - Returns: nil if not.
  public func evaluate(goesOn: (_ characters: Int) -> Bool) -> Evaluation? {
    let state = HiddenState(parameters.config, streams: text.count)
    var window = TextWindow(capacity: pass.capacity * text.count)
    let last = text.columns - 1
    var sum = 0.0
    guard goesOn(0) else { return nil }
    for column in stride(from: 0, to: last, by: pass.capacity) {
      text.read(&window, column: column, length: min(pass.capacity, last - column))
      _ = pass.forward(window.inputs, state: state)
      sum += pass.loss(window.targets)
      guard goesOn(min(column + pass.capacity, last) * text.count) else { return nil }
    }
    return Evaluation(natsPerCharacter: sum / Double(characters), characters: characters)
  }

  public func evaluate() -> Evaluation { evaluate { _ in true }! }

  /// `wanted` streams, or as many as a text of `count` units allows.
  public static func streams(wanted: Int, count: Int) -> Int {
    max(1, min(wanted, count / 2))
  }
}

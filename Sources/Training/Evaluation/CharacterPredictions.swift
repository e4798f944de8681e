import CharModel
import Kernels
import Text

/// What a model foretold of each character of a text, all streams one after the other.
public struct CharacterPredictions: Sendable {
  /// What each cost, in nats; NaN for the first of a stream, which is given.
  public private(set) var losses: [Float]
  /// The character that was likeliest in its place, nil for the first of a stream.
  public private(set) var likeliest: [UInt16?]

  /// Of none, as yet.
  public init(count: Int = 0) {
    losses = [Float](repeating: .nan, count: count)
    likeliest = [UInt16?](repeating: nil, count: count)
  }

  /// - Parameters:
  ///   - logits: `[T*B, V]`, of the characters that follow those from `column` on.
  ///   - text: B streams.
  mutating func addLikeliest(_ logits: Matrix, _ column: Int, of text: TextStreams) {
    for row in 0..<logits.rows {
      let (t, stream) = row.quotientAndRemainder(dividingBy: text.count)
      likeliest[stream * text.columns + column + t + 1] = Self.indexOfLargest(logits.row(row))
    }
  }

  /// - Parameter pass: which has just computed the losses of the `length` characters that follow that at `column`.
  mutating func addLosses(_ pass: WindowPass, _ column: Int, _ length: Int, of text: TextStreams) {
    for stream in 0..<text.count {
      for t in 0..<length {
        losses[stream * text.columns + column + t + 1] = Float(pass.loss(ofStream: stream, at: t))
      }
    }
  }

  private static func indexOfLargest(_ x: Vector) -> UInt16 {
    var best = 0
    for index in 1..<x.count where x[index] > x[best] { best = index }
    return UInt16(best)
  }
}

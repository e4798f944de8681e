import Glibc

/// A passage of a text that a model predicts badly.
public struct SurprisingPassage: Equatable, Sendable {
  /// Where in the text it is.
  public let characters: Range<Int>
  /// The mean over those of its characters that were predicted.
  public let natsPerCharacter: Double

  public var bitsPerCharacter: Double { natsPerCharacter / M_LN2 }

  /// The characters of a passage: a few words.
  public static let length = 40

  /// Those with the highest loss, none of which overlap, the worst first: at each turn the worst of what is left.
  ///
  /// - Parameters:
  ///   - losses: of a text's characters, in nats; NaN for one that was not predicted.
  ///   - count: the passages wanted; fewer where the text is short.
  public static func worst(_ losses: [Float], count: Int) -> [SurprisingPassage] {
    let length = min(Self.length, losses.count)
    guard length > 0 else { return [] }
    var sums = [0.0]
    var predicted = [0]
    for loss in losses {
      sums.append(sums.last! + (loss.isNaN ? 0 : Double(loss)))
      predicted.append(predicted.last! + (loss.isNaN ? 0 : 1))
    }
    let means = (0...losses.count - length).map { start in
      (sums[start + length] - sums[start]) / Double(max(1, predicted[start + length] - predicted[start]))
    }
    let starts = means.indices.sorted { (means[$1], $0) < (means[$0], $1) }
    var taken = [Bool](repeating: false, count: losses.count)
    var passages: [SurprisingPassage] = []
    for start in starts {
      guard passages.count < count else { break }
      // As all are of one length, one that overlaps has its first or last character in another.
      guard !taken[start], !taken[start + length - 1] else { continue }
      for index in start..<start + length { taken[index] = true }
      passages.append(
        SurprisingPassage(characters: start..<start + length, natsPerCharacter: means[start]))
    }
    return passages
  }
}

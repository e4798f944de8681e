import Glibc

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
  ///
  /// - Parameters:
  ///   - streams: into which the text was split.
  ///   - unknownCharacters: those that the model's vocabulary lacks.
  ///   - charactersLeftOver: at the end of the text, for streams of equal length.
  ///   - dynamicRate: that of dynamic evaluation, nil without.
  ///   - passages: the most surprising ones, and what they say; nil where nobody asked.
  public func jsonLine(
    streams: Int, unknownCharacters: Int, charactersLeftOver: Int, dynamicRate: Double?,
    passages: [(passage: SurprisingPassage, text: String)]?
  ) throws -> String {
    try JSON.line(
      Report(
        natsPerCharacter: natsPerCharacter, bitsPerCharacter: bitsPerCharacter,
        perplexity: perplexity.isFinite ? perplexity : nil, characters: characters, streams: streams,
        unknownCharacters: unknownCharacters, charactersLeftOver: charactersLeftOver,
        dynamicRate: dynamicRate,
        mostSurprising: passages?.map {
          Report.Passage(
            position: $0.passage.characters.lowerBound, characters: $0.passage.characters.count,
            bitsPerCharacter: $0.passage.bitsPerCharacter, text: $0.text)
        }))
  }

  private struct Report: Encodable {
    let natsPerCharacter: Double
    let bitsPerCharacter: Double
    let perplexity: Double?
    let characters: Int
    let streams: Int
    let unknownCharacters: Int
    let charactersLeftOver: Int
    let dynamicRate: Double?
    let mostSurprising: [Passage]?

    struct Passage: Encodable {
      let position: Int
      let characters: Int
      let bitsPerCharacter: Double
      let text: String
    }
  }
}

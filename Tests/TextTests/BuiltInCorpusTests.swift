import Foundation
import Testing
import Text

/// Reads the grammar's text back, by its characters alone, and so measures the text's probability without what the
/// generator says of it. It can, because at each choice the alternatives differ in the first word: which the tests check.
private struct GrammarReader {
  let grammar: WordGrammar
  /// What each rule's alternatives can start with.
  let firsts: [[Set<String>]]

  init(_ grammar: WordGrammar) {
    self.grammar = grammar
    func firsts(of piece: WordGrammar.Piece) -> Set<String> {
      switch piece {
      case .text(let text): [text]
      case .rule(let rule):
        grammar.rules[rule].reduce(into: []) { $0.formUnion(firsts(of: $1.pieces[0])) }
      }
    }
    self.firsts = grammar.rules.map { $0.map { firsts(of: $0.pieces[0]) } }
  }

  /// The logarithm of the probability of the sentence at the start of `text`, which it removes; nil if there is none.
  func readSentence(_ text: inout Substring) -> Double? {
    var pending = [WordGrammar.Piece.rule(0)]
    var logProbability = 0.0
    while let piece = pending.popLast() {
      switch piece {
      case .text(let word):
        guard startsWithWord(text, word) else { return nil }
        text.removeFirst(word.count)
      case .rule(let rule):
        let matching = grammar.rules[rule].indices.filter { alternative in
          firsts[rule][alternative].contains { startsWithWord(text, $0) }
        }
        guard matching.count == 1 else { return nil }
        let alternative = grammar.rules[rule][matching[0]]
        logProbability += log(alternative.probability)
        pending.append(contentsOf: alternative.pieces.reversed())
      }
    }
    return logProbability
  }

  /// Whether `text` starts with `word` and the word ends there: " book" does not start " books".
  private func startsWithWord(_ text: Substring, _ word: String) -> Bool {
    guard text.hasPrefix(word) else { return false }
    guard word.last!.isLetter, let next = text.dropFirst(word.count).first else { return true }
    return !next.isLetter
  }
}

@Suite struct BuiltInCorpusTests {
  private let grammar = BuiltInCorpus.grammar

  /// So the derivation can be told from the text, and its entropy is the text's.
  @Test func alternativesNeverStartWithTheSameWord() {
    for alternatives in GrammarReader(grammar).firsts {
      let all = alternatives.flatMap { Array($0) }
      #expect(Set(all).count == all.count, "\(all)")
    }
  }

  /// By the law of large numbers the mean of -log P over a long text, measured from its characters, is the entropy
  /// rate; here within five standard errors.
  @Test func entropyRateIsThatOfALongSample() throws {
    let reader = GrammarReader(grammar)
    var generator = SplitMix64(state: 4711)
    var bytes: [UInt8] = []
    var generated = 0.0
    let sentences = 40_000
    for _ in 0..<sentences { generated += grammar.appendSentence(to: &bytes, using: &generator) }
    let text = String(decoding: bytes, as: UTF8.self)
    var rest = text[...]
    let rate = grammar.entropyRate
    var surplus: [Double] = []
    while !rest.isEmpty {
      let before = rest.utf8.count
      let sentence = reader.readSentence(&rest)
      let logProbability = try #require(sentence, "unreadable before: \(rest.prefix(60))")
      surplus.append(-logProbability - rate * Double(before - rest.utf8.count))
    }
    #expect(surplus.count == sentences)
    let mean = surplus.reduce(0, +) / Double(sentences)
    let variance = surplus.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(sentences)
    let standardError = (variance / Double(sentences)).squareRoot()
    #expect(abs(mean) < 5 * standardError, "\(mean) nats per sentence, standard error \(standardError)")
    // Sharp enough to notice a mistake of one percent in the rate.
    let charactersPerSentence = Double(bytes.count) / Double(sentences)
    #expect(5 * standardError < 0.01 * rate * charactersPerSentence)
    // What the generator says of its text is what the text says.
    let total = surplus.reduce(0, +) + rate * Double(bytes.count)
    #expect(abs(total + generated) < 1e-6 * total)
  }

  @Test func aGrammarWithAKnownEntropy() {
    // Two words of equal probability, three characters each: ln 2 / 3 nats per character.
    let coin = WordGrammar("toss: 1 Abc | 1 Xyz")
    #expect(abs(coin.entropyRate - log(2) / 3) < 1e-12)
    // A geometric number of two-letter words: entropy 2 ln 2 over 4 characters expected, at one half.
    let geometric = WordGrammar("many: 1 Ab | 1 Cd <many>")
    #expect(abs(geometric.entropyRate - 2 * log(2) / 4) < 1e-9)
  }

  @Test func theCorpusIsAlwaysTheSame() {
    let text = BuiltInCorpus.text()
    #expect(text == BuiltInCorpus.text())
    #expect(text.count >= BuiltInCorpus.targetCount && text.count < BuiltInCorpus.targetCount + 300)
    #expect(text.allSatisfy { $0 == 0x0A || (0x20...0x7E).contains($0) })
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    for byte in text { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01B3 }
    #expect(String(hash, radix: 16) == "5fa635ed9ee743ac")
  }
}

import Glibc

/// A probabilistic context-free grammar over words, which makes endless text whose entropy rate is known.
///
/// A rule is written as one line, `name: weight piece piece ... | weight piece ...`, where a piece is
/// `<rule>` or a word; `name: word word ...` stands for one word of a list whose k-th has the weight `1/(k+2)`.
/// A word is written with a space before it unless it is punctuation or starts with a capital.
public struct WordGrammar: Sendable {
  package enum Piece: Equatable, Sendable {
    case text(String)
    case rule(Int)
  }

  package struct Alternative: Sendable {
    package let probability: Double
    package let pieces: [Piece]
  }

  /// The alternatives of each rule; the first rule is the sentence.
  package let rules: [[Alternative]]

  /// Traps where a line cannot be read or names an unknown rule: grammars are part of the program.
  package init(_ lines: String) {
    let parsed = lines.split(separator: "\n").map { line -> (name: Substring, body: Substring) in
      let colon = line.firstIndex(of: ":")!
      return (line[..<colon], line[line.index(after: colon)...])
    }
    let numbers = Dictionary(uniqueKeysWithValues: parsed.enumerated().map { ($1.name, $0) })
    rules = parsed.map { Self.alternatives($0.body, numbers) }
  }

  private static func alternatives(
    _ body: Substring, _ numbers: [Substring: Int]
  ) -> [Alternative] {
    func piece(_ word: Substring) -> Piece {
      guard word.hasPrefix("<") else { return .text(written(word)) }
      return .rule(numbers[word.dropFirst().dropLast()]!)
    }
    var weighted: [(Double, [Piece])]
    if body.contains(where: \.isNumber) {
      weighted = body.split(separator: "|").map { alternative in
        let words = alternative.split(separator: " ")
        return (Double(words[0])!, words.dropFirst().map(piece))
      }
    } else {
      weighted = body.split(separator: " ").enumerated().map { (1 / Double($0 + 2), [piece($1)]) }
    }
    let total = weighted.reduce(0) { $0 + $1.0 }
    return weighted.map { Alternative(probability: $0 / total, pieces: $1) }
  }

  private static func written(_ word: Substring) -> String {
    if word == "NEWLINE" { return "\n" }
    if word == "SPACE" { return " " }
    let first = word.first!
    return first.isUppercase || first.isPunctuation ? String(word) : " " + word
  }
}

// MARK: - Entropy

extension WordGrammar {
  /// What one sentence has on average.
  struct Expectation {
    /// Of the derivation, in nats.
    var entropy = 0.0
    var characters = 0.0
  }

  /// The entropy rate of the endless text, in nats per character: the entropy of one sentence over its
  /// expected length. `docs/built-in-corpus.md` derives it.
  public var entropyRate: Double {
    let sentence = expectations()[0]
    return sentence.entropy / sentence.characters
  }

  /// The solution of `H(X) = h(X) + sum_a p_a sum_Y H(Y)`, and likewise for lengths, over all rules X with
  /// alternatives a and the rules Y in them; found by iteration, which converges as derivations end.
  func expectations() -> [Expectation] {
    var result = [Expectation](repeating: Expectation(), count: rules.count)
    var change = Double.infinity
    while change > 1e-14 {
      change = 0
      for (index, alternatives) in rules.enumerated() {
        var sum = Expectation()
        for alternative in alternatives {
          let p = alternative.probability
          sum.entropy -= p * log(p)
          for piece in alternative.pieces {
            switch piece {
            case .text(let text):
              sum.characters += p * Double(text.unicodeScalars.count)
            case .rule(let other):
              sum.entropy += p * result[other].entropy
              sum.characters += p * result[other].characters
            }
          }
        }
        change = max(change, abs(sum.characters - result[index].characters))
        result[index] = sum
      }
    }
    return result
  }
}

// MARK: - Sampling

extension WordGrammar {
  /// Draws one sentence, appends its text to `text`, and returns the logarithm of its derivation's probability.
  package func appendSentence(
    to text: inout [UInt8], using generator: inout some RandomNumberGenerator
  ) -> Double {
    var logProbability = 0.0
    var pending = [Piece.rule(0)]
    while let piece = pending.popLast() {
      switch piece {
      case .text(let string):
        text.append(contentsOf: string.utf8)
      case .rule(let rule):
        let alternative = draw(rules[rule], using: &generator)
        logProbability += log(alternative.probability)
        pending.append(contentsOf: alternative.pieces.reversed())
      }
    }
    return logProbability
  }

  private func draw(
    _ alternatives: [Alternative], using generator: inout some RandomNumberGenerator
  ) -> Alternative {
    var left = Double.random(in: 0..<1, using: &generator)
    for alternative in alternatives {
      left -= alternative.probability
      if left < 0 { return alternative }
    }
    return alternatives.last!
  }
}

/// The generator SplitMix64: small, fixed, the same everywhere. Source: Steele, Lea, Flood, "Fast
/// splittable pseudorandom number generators", OOPSLA 2014.
package struct SplitMix64: RandomNumberGenerator {
  private var state: UInt64

  package init(state: UInt64) { self.state = state }

  package mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}

import Charts
import Glibc
import Kernels
import Text
import Training

/// What a model has made of a text, character by character: as a table, or as a page in colours.
struct HeatMap {
  let tokens: Tokens
  let vocabulary: Vocabulary
  let unit: TextFormat.Unit
  let predictions: CharacterPredictions

  /// What a page may have, so that browsers still show it.
  static let mostOnPage = 1_000_000

  /// The text at `range`, on one line.
  func passage(_ range: Range<Int>) -> String { text(range.map { tokens[$0] }) }

  private func text(_ tokens: [UInt16]) -> String {
    var writer = TokenWriter(vocabulary, unit: unit)
    let bytes = tokens.flatMap { writer.write($0) }
    return String(decoding: bytes + writer.flush(), as: UTF8.self)
  }

  // MARK: Table

  /// Comma-separated values (RFC 4180), a line for each character: where it is, its name, its loss, and the name of the likeliest there; nothing where
  /// there is none.
  func writeTable(_ write: (String) throws -> Void) rethrows {
    try write("position,character,nats,likeliest\n")
    for (index, loss) in predictions.losses.enumerated() {
      let nats = loss.isNaN ? "" : "\(loss)"
      let likeliest = predictions.likeliest[index].map(name) ?? ""
      try write("\(index),\(Self.quoted(name(of: tokens[index]))),\(nats),\(Self.quoted(likeliest))\n")
    }
  }

  /// The character itself, unless it is white, a control character or part of one.
  private func name(of token: UInt16) -> String {
    guard let textUnit = vocabulary.unit(of: token) else { return Vocabulary.specials[Int(min(token, 1))] }
    switch textUnit {
    case .end: return "<eos>"
    case TextUnit(0x0A): return "\\n"
    case TextUnit(0x09): return "\\t"
    case _ where unit == .byte && textUnit.value >= 0x80:
      return "\\x" + String(textUnit.value, radix: 16, uppercase: true)
    default: return text([token])
    }
  }

  private static func quoted(_ field: String) -> String {
    field.contains { $0 == "\"" || $0 == "," || $0 == " " }
      ? "\"" + field.replacing("\"", with: "\"\"") + "\"" : field
  }

  // MARK: Page

  /// One HTML page that needs nothing else.
  ///
  /// - Parameters:
  ///   - facts: what there is to say above the text, names and values.
  ///   - passages: the most surprising, the worst first.
  func page(title: String, facts: [(String, String)], passages: [SurprisingPassage]) -> String {
    func resource(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }
    let rows = passages.map { passage in
      """
      <tr><td>\(fixed(passage.bitsPerCharacter, 2))</td><td><a href="#c\(passage.characters.lowerBound)">\(grouped(passage.characters.lowerBound))</a></td>\
      <td class="text">\(self.passage(passage.characters).escapedForMarkup)</td></tr>

      """
    }
    return resource(PackageResources.heatmap_html)
      .replacing("<!-- style -->", with: "<style>\n\(resource(PackageResources.heatmap_css))</style>")
      .replacing("<!-- title -->", with: title.escapedForMarkup)
      .replacing(
        "<!-- facts -->",
        with: facts.map { "<dt>\($0.0.escapedForMarkup)</dt><dd>\($0.1.escapedForMarkup)</dd>" }.joined(
          separator: "\n")
      )
      .replacing("<!-- passages -->", with: rows.joined())
      .replacing("<!-- text -->", with: spans(anchors: Set(passages.map(\.characters.lowerBound))))
  }

  /// Bytes of one character share what all of them cost.
  private func spans(anchors: Set<Int>) -> String {
    var writer = TokenWriter(vocabulary, unit: unit)
    var spans = ""
    // Of what has come since the last span.
    var nats: Float = 0
    var count = 0
    var anchor = ""
    for (index, loss) in predictions.losses.enumerated() {
      let bytes = writer.write(tokens[index])
      nats += loss
      count += 1
      if anchors.contains(index) { anchor = " id=c\(index)" }
      guard !bytes.isEmpty else { continue }
      let shown = String(decoding: bytes, as: UTF8.self).escapedForMarkup.replacing("\n", with: "⏎\n")
      if nats.isNaN {
        spans += "<i\(anchor)>\(shown)</i>"
      } else {
        let bits = Double(nats) / M_LN2
        let cost = "\(fixed(bits, 2)) bits" + (count == 1 ? otherThan(index) : "")
        spans +=
          "<i\(anchor) class=b\(Int(max(0, min(7, bits)))) data-cost=\"\(cost.escapedForMarkup)\">\(shown)</i>"
      }
      (nats, count, anchor) = (0, 0, "")
    }
    return spans + String(decoding: writer.flush(), as: UTF8.self)
  }

  /// What was likeliest where another character came.
  private func otherThan(_ index: Int) -> String {
    guard let likeliest = predictions.likeliest[index], likeliest != tokens[index] else { return "" }
    return ", likeliest: \(name(of: likeliest) == " " ? "space" : name(of: likeliest))"
  }
}

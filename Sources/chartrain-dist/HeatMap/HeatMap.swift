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
  /// In nats, by character; NaN where it was not predicted.
  let losses: [Float]

  /// What a page may have, so that browsers still show it.
  static let mostOnPage = 1_000_000

  /// The text at `range`, on one line.
  func passage(_ range: Range<Int>) -> String {
    text(range).replacing("\n", with: "⏎").replacing("\t", with: "⇥")
  }

  private func text(_ range: Range<Int>) -> String {
    var writer = TokenWriter(vocabulary, unit: unit)
    let bytes = range.flatMap { writer.write(tokens[$0]) }
    return String(decoding: bytes + writer.flush(), as: UTF8.self)
  }

  // MARK: Table

  /// Comma-separated values (RFC 4180), a line for each character: where it is, its name, its loss, nothing where there is none.
  func writeTable(_ write: (String) throws -> Void) rethrows {
    try write("position,character,nats\n")
    for index in losses.indices {
      let nats = losses[index].isNaN ? "" : "\(losses[index])"
      try write("\(index),\(Self.quoted(name(at: index))),\(nats)\n")
    }
  }

  /// The character itself, unless it is white, a control character or part of one.
  private func name(at index: Int) -> String {
    guard let textUnit = vocabulary.unit(of: tokens[index]) else { return "<unk>" }
    switch textUnit {
    case .end: return "<eos>"
    case TextUnit(0x0A): return "\\n"
    case TextUnit(0x09): return "\\t"
    case _ where unit == .byte && textUnit.value >= 0x80:
      return "\\x" + String(textUnit.value, radix: 16, uppercase: true)
    default: return text(index..<index + 1)
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
    var anchor = ""
    for index in losses.indices {
      let bytes = writer.write(tokens[index])
      nats += losses[index]
      if anchors.contains(index) { anchor = " id=c\(index)" }
      guard !bytes.isEmpty else { continue }
      let shown = String(decoding: bytes, as: UTF8.self).escapedForMarkup.replacing("\n", with: "⏎\n")
      if nats.isNaN {
        spans += "<i\(anchor)>\(shown)</i>"
      } else {
        let bits = Double(nats) / M_LN2
        spans +=
          "<i\(anchor) class=b\(Int(max(0, min(7, bits)))) title=\"\(fixed(bits, 2)) bits\">\(shown)</i>"
      }
      (nats, anchor) = (0, "")
    }
    return spans + String(decoding: writer.flush(), as: UTF8.self)
  }
}

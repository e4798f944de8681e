/// How wide text is on a terminal, where some characters take two columns.
extension String {
  /// The columns that it takes.
  public var columns: Int { reduce(0) { $0 + $1.columns } }

  /// As much of its beginning as `width` columns hold.
  public func cut(to width: Int) -> String {
    var left = width
    return String(
      prefix { character in
        left -= character.columns
        return left >= 0
      })
  }

  /// As lines of at most `width` columns, which end at spaces; a word that is longer is broken.
  public func broken(width: Int) -> [String] {
    var lines: [String] = []
    var line = ""
    var columns = 0
    for character in self {
      if columns + character.columns > width, !line.isEmpty {
        if character == " " {
          // The line ends here.
          lines.append(line)
          (line, columns) = ("", 0)
          continue
        }
        if let space = line.lastIndex(of: " "), space > line.startIndex {
          lines.append(String(line[..<space]))
          line = String(line[line.index(after: space)...])
        } else {
          lines.append(line)
          line = ""
        }
        columns = line.columns
      }
      line.append(character)
      columns += character.columns
    }
    return lines + [line]
  }
}

extension Character {
  /// Two where the Unicode Standard's annex 11 calls it wide, which emoji are too.
  fileprivate var columns: Int {
    let first = unicodeScalars.first!
    return Self.wide.contains { $0.contains(first.value) } || first.properties.isEmojiPresentation ? 2 : 1
  }

  /// East Asian scripts and their full-width forms.
  private static let wide: [ClosedRange<UInt32>] = [
    0x1100...0x115F, 0x2E80...0x303E, 0x3041...0x33FF, 0x3400...0x4DBF, 0x4E00...0x9FFF, 0xA000...0xA4CF,
    0xA960...0xA97C, 0xAC00...0xD7A3, 0xF900...0xFAFF, 0xFE30...0xFE6F, 0xFF01...0xFF60, 0xFFE0...0xFFE6,
    0x17000...0x18CFF, 0x1B000...0x1B2FB, 0x20000...0x3FFFD,
  ]
}

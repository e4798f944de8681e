import Charts
import Testing

@Suite struct TextWidthTests {
  @Test(arguments: [
    ("one two three", 7, ["one two", "three"]), ("one two three", 6, ["one", "two", "three"]),
    ("abcdefgh ij", 3, ["abc", "def", "gh", "ij"]), ("short", 9, ["short"]), ("", 9, [""]),
    ("a  b", 9, ["a  b"]), (" word", 4, [" wor", "d"]), ("日本語の文", 4, ["日本", "語の", "文"]),
    ("ab 日本", 5, ["ab", "日本"]),
  ])
  func linesEndAtSpaces(text: String, width: Int, lines: [String]) {
    let found = text.broken(width: width)
    #expect(found.allSatisfy { $0.columns <= width }, "\(found)")
    #expect(found == lines)
  }

  @Test func wideCharactersTakeTwoColumns() {
    #expect("abc".columns == 3 && "日本語".columns == 6 && "한글".columns == 4 && "🙂!".columns == 3)
    #expect("größe é Ω".columns == 9)
    #expect("日本語".cut(to: 5) == "日本" && "abc".cut(to: 5) == "abc")
  }
}

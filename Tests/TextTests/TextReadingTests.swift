import TestSupport
import Testing
import Text

/// Reads `files` (names and bytes) as one text with a vocabulary of its own.
private func prepare(
  _ files: [(String, [UInt8])], _ format: TextFormat = TextFormat(), minimumFrequency: Int = 1,
  validFraction: Double = 0.5
) throws -> PreparedText {
  let directory = TemporaryDirectory()
  for (name, bytes) in files { directory.write(name, bytes) }
  return try PreparedText(
    train: .path(directory.path), valid: .path(directory.path), validFraction: validFraction, format: format,
    minimumFrequency: minimumFrequency)
}

private func prepare(
  _ text: String, _ format: TextFormat = TextFormat(), minimumFrequency: Int = 1
) throws -> PreparedText {
  try prepare([("text.txt", Array(text.utf8))], format, minimumFrequency: minimumFrequency)
}

/// The text that `prepared` holds, `#` for `<unk>` and `$` for the end mark.
private func decoded(_ prepared: PreparedText) -> String {
  let scalars = (0..<prepared.train.count).map { index -> Unicode.Scalar in
    guard let unit = prepared.vocabulary.unit(of: prepared.train[index]) else { return "#" }
    return unit == .end ? "$" : Unicode.Scalar(unit.value)!
  }
  return String(String.UnicodeScalarView(scalars))
}

@Suite struct TextReadingTests {
  @Test func scalarsOfEveryLengthSurvive() throws {
    let text = "aé€😀\u{10FFFF}\u{FFFD}\u{7FF}\u{800}\u{FFFF}\u{10000} end"
    #expect(decoded(try prepare(text)) == text)
  }

  /// Each is invalid from the given byte on: RFC 3629's and the Unicode Standard's cases.
  @Test(
    arguments: [
      ([0x61, 0x80], 1), ([0x61, 0xC0, 0xAF], 1), ([0xC3], 0), ([0x61, 0xE2, 0x82], 1),
      ([0xE0, 0x9F, 0xBF], 0), ([0xED, 0xA0, 0x80], 0), ([0xF4, 0x90, 0x80, 0x80], 0),
      ([0x61, 0x62, 0xFF], 2),
      ([0xF0, 0x8F, 0xBF, 0xBF], 0), ([0xE2, 0x61], 0), ([0x61, 0xC3, 0xA9, 0xF5], 3),
    ] as [([UInt8], Int)])
  func invalidUTF8IsRefusedAtItsOffset(bytes: [UInt8], offset: Int) {
    #expect {
      try prepare([("bad.txt", bytes)])
    } throws: { error in
      guard case TextError.invalidUTF8(let path, let found) = error else { return false }
      return found == offset && path.hasSuffix("bad.txt") && "\(error)".contains("--unit byte")
    }
  }

  /// A sequence that straddles the pieces in which files are read.
  @Test func piecesMayCutSequences() throws {
    let text = String(repeating: "€", count: 400_000)
    let prepared = try prepare(text + "a")
    #expect(prepared.train.count == 400_001)
    #expect(prepared.vocabulary.count == 4)
  }

  @Test func bytesReadAnything() throws {
    let bytes = (0...255).map { UInt8($0) } + [0xFF, 0xFE]
    let prepared = try prepare([("any.bin", bytes)], TextFormat(unit: .byte))
    #expect(prepared.vocabulary.count == 258)
    let values = (0..<prepared.train.count).map {
      UInt8(prepared.vocabulary.unit(of: prepared.train[$0])!.value)
    }
    #expect(values == bytes)
  }

  @Test func aByteOrderMarkIsNoText() throws {
    #expect(decoded(try prepare("\u{FEFF}ab\u{FEFF}")) == "ab\u{FEFF}")
  }

  @Test func lowercasingFollowsUnicode() throws {
    let lower = TextFormat(lowercase: true)
    #expect(decoded(try prepare("AbÉΣİß", lower)) == "abéσi\u{307}ß")
    let bytes = try prepare([("b", Array("AzÉ".utf8))], TextFormat(unit: .byte, lowercase: true))
    #expect((0..<4).map { bytes.vocabulary.unit(of: bytes.train[$0])!.value } == [0x61, 0x7A, 0xC3, 0x89])
  }

  @Test func newlinesAreKeptOrStripped() throws {
    let text = "a\nb\r\nc\rd\n"
    #expect(decoded(try prepare(text)) == text)
    #expect(decoded(try prepare(text, TextFormat(newlines: .strip))) == "abcd")
  }

  @Test func everyFileGetsItsEndInOrderOfPaths() throws {
    let files = ["b.txt": "bb", "a.txt": "aa", "sub/c.txt": "cc", ".hidden": "xx"].map {
      ($0.key, Array($0.value.utf8))
    }
    #expect(decoded(try prepare(files, TextFormat(endToken: true))) == "aa$bb$cc$")
    #expect(decoded(try prepare(files)) == "aabbcc")
  }

  @Test func rareCharactersBecomeUnknown() throws {
    let prepared = try prepare("aaabbbcaab", TextFormat(endToken: true), minimumFrequency: 3)
    #expect(decoded(prepared) == "aaabbb#aab#")
    #expect(prepared.vocabulary.strings == ["<unk>", "<pad>", "a", "b"])
  }

  /// 600 distinct characters: two bytes a token, and back to one where few are frequent.
  @Test func manyCharactersTakeTwoBytes() throws {
    let scalars = (0..<600).map { Character(Unicode.Scalar(0x4E00 + $0)!) }
    let text = String(scalars) + String(scalars.reversed()) + String(scalars.prefix(5))
    let prepared = try prepare(text)
    guard case .words = prepared.train.storage else {
      return #expect(Bool(false), "expected two bytes a token")
    }
    #expect(decoded(prepared) == text)
    let few = try prepare(text, minimumFrequency: 3)
    guard case .bytes = few.train.storage else { return #expect(Bool(false), "expected one byte a token") }
    #expect(few.vocabulary.count == 7)
    #expect(few.train.count == 1205)
  }

  @Test func theTailValidates() throws {
    let directory = TemporaryDirectory()
    let path = directory.write("t", "aaaaabbbbc")
    let prepared = try PreparedText(
      train: .path(path), valid: nil, validFraction: 0.2, format: TextFormat(), minimumFrequency: 1)
    #expect(prepared.train.count == 8)
    #expect(prepared.valid.count == 2)
    // The vocabulary is the training text's alone.
    #expect(prepared.vocabulary.strings == ["<unk>", "<pad>", "a", "b"])
    #expect(prepared.valid[1] == Vocabulary.unknown)
  }

  @Test func textsThatCannotBeAreRefused() throws {
    #expect(throws: TextError.self) { try prepare("") }
    #expect(throws: TextError.self) { try prepare("aaaa") }
    #expect(throws: TextError.self) { try prepare([]) }
    #expect(throws: TextError.self) { try prepare("abab", minimumFrequency: 3) }
    #expect(throws: (any Error).self) {
      try PreparedText(
        train: .path("/no/such/file"), valid: nil, validFraction: 0.1, format: TextFormat(),
        minimumFrequency: 1)
    }
  }

  /// The counts that the notebook's text must give.
  @Test(.enabled(if: Outside.hasNietzsche, "the notebook's text is not beside this checkout"))
  func theNotebooksText() throws {
    let prepared = try PreparedText(
      train: .path(Outside.nietzsche + "/trn.txt"), valid: .path(Outside.nietzsche + "/val.txt"),
      validFraction: 0.1, format: TextFormat(lowercase: true, newlines: .strip, endToken: true),
      minimumFrequency: 3)
    #expect(prepared.train.count == 485_749)
    #expect(prepared.vocabulary.count == 55)
    #expect(try StreamSplit(count: prepared.train.count, streams: 64, name: "").columns == 7_589)
    #expect(try StreamSplit(count: prepared.valid.count, streams: 64, name: "").columns == 1_643)
  }
}

@Suite struct VocabularyTests {
  @Test func fallingFrequencyThenCodePoint() {
    let counts = ["c": 2, "b": 5, "a": 2, "😀": 2].map { (TextUnit(Unicode.Scalar($0.key)!.value), $0.value) }
    let vocabulary = Vocabulary(
      counts: Dictionary(uniqueKeysWithValues: counts + [(.end, 2)]), minimumFrequency: 1)
    #expect(vocabulary.strings == ["<unk>", "<pad>", "b", "a", "c", "😀", "<eos>"])
  }

  @Test func itsStringsBringItBack() throws {
    let vocabulary = Vocabulary(
      counts: [TextUnit(0x0A): 3, TextUnit(0x1F600): 2, .end: 1], minimumFrequency: 1)
    #expect(try Vocabulary(strings: vocabulary.strings, unit: .scalar) == vocabulary)
  }

  @Test(arguments: [
    ["a", "b"], ["<unk>"], ["<unk>", "<pad>"], [], ["<unk>", "<pad>", "ab"], ["<unk>", "<pad>", "a", "a"],
    ["<unk>", "<pad>", ""],
  ])
  func othersAreRefused(strings: [String]) {
    #expect(throws: VocabularyError.self) { try Vocabulary(strings: strings, unit: .scalar) }
  }

  @Test func bytesEndAt255() {
    #expect(throws: VocabularyError.self) {
      try Vocabulary(strings: ["<unk>", "<pad>", "\u{100}"], unit: .byte)
    }
  }
}

import TestSupport

/// Makes inputs from others, the same at each run.
public struct Mutator {
  private var numbers: TestNumbers
  private static let telling: [UInt8] =
    Array("0123456789-+.eE{}[]\":,\\ \nnullNaN*&#".utf8) + [0, 0x7F, 0x80, 0xC0, 0xED, 0xF4, 0xFF]
  private static let tellingWords = [
    "-1", "0", "1e999", "9223372036854775807", "-9223372036854775808", "18446744073709551616", "null", "[]",
    "{}", "\"\"", "NaN", "1e-320", "0.5", "true", "99999999",
  ]

  public init(seed: UInt64) { numbers = TestNumbers(seed) }

  /// One to four changes to one of `seeds`.
  public mutating func next(_ seeds: [[UInt8]]) -> [UInt8] {
    var input = seeds[numbers.index(below: seeds.count)]
    for _ in 0...numbers.index(below: 4) { change(&input, seeds) }
    return input
  }

  private mutating func change(_ input: inout [UInt8], _ seeds: [[UInt8]]) {
    let at = numbers.index(below: input.count + 1)
    let end = min(input.count, at + 1 + numbers.index(below: 12))
    switch numbers.index(below: 9) {
    case 0 where at < input.count: input[at] ^= 1 << UInt8(numbers.index(below: 8))
    case 1 where at < input.count: input[at] = Self.telling[numbers.index(below: Self.telling.count)]
    case 2: input.insert(Self.telling[numbers.index(below: Self.telling.count)], at: at)
    case 3: input.removeSubrange(at..<end)
    case 4: input.insert(contentsOf: Array(input[at..<end]), at: at)
    case 5 where input.count > 1: input.removeSubrange(at...)
    case 6:
      let other = seeds[numbers.index(below: seeds.count)]
      let from = numbers.index(below: other.count + 1)
      input.replaceSubrange(at..<end, with: other[from..<min(other.count, from + 20)])
    default: replaceNumber(&input)
    }
  }

  /// A number of the text, mostly, by one that seldom fits.
  private mutating func replaceNumber(_ input: inout [UInt8]) {
    func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }
    let starts = input.indices.filter { isDigit(input[$0]) && ($0 == 0 || !isDigit(input[$0 - 1])) }
    guard !starts.isEmpty else { return }
    let start = starts[numbers.index(below: starts.count)]
    let end = input[start...].firstIndex { !isDigit($0) && $0 != 0x2E } ?? input.count
    let word = Self.tellingWords[numbers.index(below: Self.tellingWords.count)]
    input.replaceSubrange(start..<end, with: Array(word.utf8))
  }
}

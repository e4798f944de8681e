import FoundationEssentials

/// Looks for a key given twice in one object of a JSON text, which JSON decoders let pass.
enum JSONKeys {
  /// Decoders refuse what is nested deeper.
  private static let maximumDepth = 512

  /// The first such key, still in its JSON spelling, or nil. The text need not be valid JSON.
  static func firstDuplicate(in json: [UInt8]) -> String? {
    /// The keys of each object that is open; nil for an array.
    var open: [Set<[UInt8]>?] = []
    var lastString: ArraySlice<UInt8>?
    var index = 0
    while index < json.count, open.count <= maximumDepth {
      switch json[index] {
      case UInt8(ascii: "\""):
        let start = index + 1
        index = endOfString(json, start)
        lastString = json[start..<min(index, json.count)]
      case UInt8(ascii: "{"): open.append([])
      case UInt8(ascii: "["): open.append(nil)
      case UInt8(ascii: "}"), UInt8(ascii: "]"): _ = open.popLast()
      case UInt8(ascii: ":"):
        if let key = lastString, let top = open.indices.last, open[top] != nil {
          if !open[top]!.insert(meaning(of: key)).inserted { return String(decoding: key, as: UTF8.self) }
        }
      default: break
      }
      index += 1
    }
    return nil
  }

  /// The key that a spelling stands for: the same character may be written in several ways.
  private static func meaning(of key: ArraySlice<UInt8>) -> [UInt8] {
    let quotation = [UInt8(ascii: "\"")]
    guard key.contains(UInt8(ascii: "\\")),
      let text = try? JSONDecoder().decode(String.self, from: Data(quotation + key + quotation))
    else { return Array(key) }
    return Array(text.utf8)
  }

  /// The index of the quotation mark that ends the string starting at `start`.
  private static func endOfString(_ json: [UInt8], _ start: Int) -> Int {
    var index = start
    while index < json.count, json[index] != UInt8(ascii: "\"") {
      index += json[index] == UInt8(ascii: "\\") ? 2 : 1
    }
    return index
  }
}

import Storage
import Training

/// - Throws: `OptionError` unless the value of `--option` ends in one of `suffixes`.
func requireSuffix(_ suffixes: String..., of path: String, option: String = "to") throws {
  guard suffixes.contains(where: path.hasSuffix) else {
    throw OptionError(
      option: option, expected: "a file name that ends in \(suffixes.joined(separator: " or "))",
      found: "'\(path)'")
  }
}

/// - Throws: `OptionError` if `path`, the value of `--option`, names one of the files that are read or one in a directory of these; `StorageError`.
func checkIsNone(of read: [String], _ path: String, option: String) throws {
  let files = try read.flatMap { kind(of: $0) == .directory ? try filesBelow($0) : [$0] }
  guard let file = files.first(where: { areSameFile($0, path) }) else { return }
  throw OptionError(
    option: option, expected: "another file than '\(file)', which is read", found: "'\(path)'")
}

import Training

/// - Throws: `OptionError` unless the value of `--option` ends in one of `suffixes`.
func requireSuffix(_ suffixes: String..., of path: String, option: String = "to") throws {
  guard suffixes.contains(where: path.hasSuffix) else {
    throw OptionError(
      option: option, expected: "a file name that ends in \(suffixes.joined(separator: " or "))",
      found: "'\(path)'")
  }
}

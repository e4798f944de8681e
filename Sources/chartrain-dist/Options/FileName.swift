import Training

/// - Throws: `OptionError` unless the value of `--to` ends in one of `suffixes`.
func requireSuffix(_ suffixes: String..., of path: String) throws {
  guard suffixes.contains(where: path.hasSuffix) else {
    throw OptionError(
      option: "to", expected: "a file name that ends in \(suffixes.joined(separator: " or "))",
      found: "'\(path)'")
  }
}

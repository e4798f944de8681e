import Training

/// - Throws: `OptionError` unless the value of `--to` ends in `suffix`.
func requireSuffix(_ suffix: String, of path: String) throws {
  guard path.hasSuffix(suffix) else {
    throw OptionError(option: "to", expected: "a file name that ends in \(suffix)", found: "'\(path)'")
  }
}

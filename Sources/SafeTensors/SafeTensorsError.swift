/// A file that is not a safetensors file, or not the one that was expected.
public struct SafeTensorsError: Error, CustomStringConvertible {
  public let path: String
  public let expected: String
  public let found: String

  public init(path: String, expected: String, found: String) {
    self.path = path
    self.expected = expected
    self.found = found
  }

  public var description: String { "'\(path)': expected \(expected), found \(found)" }
}

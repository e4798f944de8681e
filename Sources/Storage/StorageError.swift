import SystemPackage

/// A file operation that the operating system refused.
public struct StorageError: Error, CustomStringConvertible {
  /// What was tried, such as `read`.
  public let operation: String
  public let path: String
  public let errno: Errno

  public init(_ operation: String, _ path: String, _ errno: Errno) {
    self.operation = operation
    self.path = path
    self.errno = errno
  }

  /// With an error number of C's, such as `errno`.
  public init(_ operation: String, _ path: String, code: Int32) {
    self.init(operation, path, Errno(rawValue: code))
  }

  public var description: String { "cannot \(operation) '\(path)': \(errno)" }
}

/// Runs `body`, turning the `Errno` that it throws into a ``StorageError`` with a name and a path.
func attempt<Result>(
  _ operation: String, _ path: String, _ body: () throws -> Result
) throws(StorageError) -> Result {
  do { return try body() } catch { throw StorageError(operation, path, error as? Errno ?? .ioError) }
}

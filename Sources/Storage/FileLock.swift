import Glibc
import SystemPackage

/// A lock on a file that one process holds at a time, and loses when it ends, however it ends.
///
/// Source: flock(2).
public struct FileLock: ~Copyable {
  private let file: FileDescriptor

  /// - Returns: nil if another process holds it.
  /// - Throws: ``StorageError`` if there is no such file.
  public init?(on path: String) throws {
    let file = try attempt("open", path) {
      try FileDescriptor.open(path, .readOnly, options: .closeOnExec)
    }
    // A file system that knows no locks says another thing than that somebody holds it: then there is nothing to be done.
    if flock(file.rawValue, LOCK_EX | LOCK_NB) != 0, errno == EWOULDBLOCK {
      try? file.close()
      return nil
    }
    self.file = file
  }

  deinit {
    try? file.close()
  }
}

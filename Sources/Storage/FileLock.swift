import Glibc
import SystemPackage

/// A lock that one process of all hosts holds at a time, and loses when it ends, however it ends.
///
/// It is on a file of its own. On NFS it is a lock of a range of bytes, for which the file must be open for writing. Source: flock(2).
public final class FileLock {
  private var file: FileDescriptor?

  /// Takes the lock on the file at `path`, which is made if it is not there.
  ///
  /// - Returns: nil if another process holds it.
  /// - Throws: ``StorageError`` if there can be no such file.
  public init?(at path: String) throws {
    let file = try attempt("open", path) {
      try FileDescriptor.open(
        path, .readWrite, options: [.create, .noFollow, .closeOnExec],
        permissions: [.ownerReadWrite, .groupReadWrite, .otherReadWrite])
    }
    guard Self.take(file, LOCK_EX) else {
      try? file.close()
      return nil
    }
    self.file = file
  }

  /// Whether a process holds the lock on the file at `path`, which need not be there.
  public static func isHeld(at path: String) -> Bool {
    // Whoever may only read it may ask too.
    guard let file = try? FileDescriptor.open(path, .readOnly, options: [.noFollow, .closeOnExec]) else {
      return false
    }
    defer { try? file.close() }
    return !take(file, LOCK_SH)
  }

  /// A file system that knows no locks says another thing than that somebody holds it: then there is nothing to be done.
  private static func take(_ file: FileDescriptor, _ kind: Int32) -> Bool {
    flock(file.rawValue, kind | LOCK_NB) == 0 || errno != EWOULDBLOCK
  }

  /// Lets others have it.
  public func release() {
    try? file?.close()
    file = nil
  }

  deinit { release() }
}

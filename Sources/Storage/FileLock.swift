import Glibc
import SystemPackage

/// A lock that one process of all hosts holds at a time, and loses when it ends, however it ends.
///
/// It is on a file of its own, open for writing, since NFS knows no other. Source: flock(2).
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
    guard Self.take(file) else {
      try? file.close()
      return nil
    }
    self.file = file
  }

  /// Whether a process holds the lock on the file at `path`, which need not be there.
  public static func isHeld(at path: String) -> Bool {
    guard let file = try? FileDescriptor.open(path, .readWrite, options: [.noFollow, .closeOnExec]) else {
      return false
    }
    defer { try? file.close() }
    return !take(file)
  }

  /// A file system that knows no locks says another thing than that somebody holds it: then there is nothing to be done.
  private static func take(_ file: FileDescriptor) -> Bool {
    flock(file.rawValue, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK
  }

  /// Lets others have it.
  public func release() {
    try? file?.close()
    file = nil
  }

  deinit { release() }
}

import Glibc
import SystemPackage

/// A file being written.
public struct OutputFile: ~Copyable {
  private let path: String
  private let file: FileDescriptor

  /// - Parameter name: what errors call the file.
  fileprivate init(_ path: String, _ mode: FileDescriptor.OpenOptions, name: String) throws {
    self.path = name
    file = try attempt("write", name) {
      try FileDescriptor.open(
        path, .writeOnly, options: mode.union(.create),
        permissions: [.ownerReadWrite, .groupRead, .otherRead])
    }
  }

  /// Opens `path` for lines to be added at its end; creates it if need be.
  ///
  /// - Throws: ``StorageError``.
  public init(appendingTo path: String) throws {
    try self.init(path, .append, name: path)
  }

  deinit {
    try? file.close()
  }

  /// - Throws: ``StorageError``.
  public func write(_ bytes: UnsafeRawBufferPointer) throws {
    _ = try attempt("write", path) { try file.writeAll(bytes) }
  }

  /// Writes the text as UTF-8.
  ///
  /// - Throws: ``StorageError``.
  public func write(_ text: String) throws {
    _ = try attempt("write", path) { try file.writeAll(text.utf8) }
  }

  fileprivate func synchronise() throws {
    guard fsync(file.rawValue) == 0 else {
      throw StorageError("synchronise", path, Errno(rawValue: errno))
    }
  }
}

/// Writes the file at `path` so that a crash or a power cut at any moment leaves either the old file or
/// the new one, whole: a temporary file beside it, synchronised, renamed, the directory synchronised.
///
/// - Throws: ``StorageError``, or what `body` throws; the old file is then untouched.
public func writeAtomically(to path: String, _ body: (borrowing OutputFile) throws -> Void) throws {
  let temporary = path + ".tmp-\(getpid())"
  do {
    let file = try OutputFile(temporary, .truncate, name: path)
    try body(file)
    try file.synchronise()
    guard rename(temporary, path) == 0 else {
      throw StorageError("rename a new file to", path, Errno(rawValue: errno))
    }
  } catch {
    unlink(temporary)
    throw error
  }
  let directory = FilePath(path).removingLastComponent().string
  try synchroniseDirectory(directory.isEmpty ? "." : directory)
}

import Glibc
import SystemPackage

/// A file being written. A link in the place of the file is not followed: it could lead anywhere.
public struct OutputFile: ~Copyable {
  private let path: String
  private let file: FileDescriptor

  /// - Parameter name: what errors call the file.
  fileprivate init(_ path: String, _ mode: FileDescriptor.OpenOptions, name: String) throws {
    self.path = name
    file = try attempt("write", name) {
      // The user's umask takes away what others must not do.
      try FileDescriptor.open(
        path, .writeOnly, options: mode.union([.noFollow, .closeOnExec]),
        permissions: [.ownerReadWrite, .groupReadWrite, .otherReadWrite])
    }
  }

  /// Opens `path` for lines to be added at its end; creates it if need be. A pipe that nobody reads is an error, not waited for.
  ///
  /// - Throws: ``StorageError``.
  public init(appendingTo path: String) throws {
    try self.init(path, [.append, .create, .nonBlocking], name: path)
  }

  /// Opens `path`, which is there, to change a part of it.
  ///
  /// - Throws: ``StorageError``.
  public init(changing path: String) throws {
    try self.init(path, [], name: path)
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

  /// Writes the text over what is at `offset`.
  ///
  /// - Throws: ``StorageError``.
  public func write(_ text: String, at offset: Int) throws {
    _ = try attempt("write", path) {
      try file.writeAll(toAbsoluteOffset: Int64(offset), text.utf8)
    }
  }

  /// Takes away what is behind the first `size` bytes.
  ///
  /// - Throws: ``StorageError``.
  public func truncate(to size: Int) throws {
    guard ftruncate(file.rawValue, size) == 0 else {
      throw StorageError("write", path, Errno(rawValue: errno))
    }
  }

  /// Whether it is the file that `path` names now.
  public func isStill(at path: String) -> Bool {
    var (own, named) = (stat(), stat())
    guard fstat(file.rawValue, &own) == 0, stat(path, &named) == 0 else { return false }
    return own.st_dev == named.st_dev && own.st_ino == named.st_ino
  }

  /// Adds the bytes at the end, whole or not at all: of what a full disk takes a part of, nothing stays.
  ///
  /// - Throws: ``StorageError``.
  public func append(_ bytes: [UInt8]) throws {
    let size = try attempt("write", path) { try file.seek(offset: 0, from: .end) }
    do { try bytes.withUnsafeBytes { try write($0) } } catch {
      _ = ftruncate(file.rawValue, Int(size))
      throw error
    }
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
/// The old file is called `kept` then, if there is such a name and it can have a second one.
///
/// - Throws: ``StorageError``, or what `body` throws. The old file is then untouched, unless it is only the directory that could not be
///   synchronised.
public func writeAtomically(
  to path: String, keepingOldAs kept: String? = nil, _ body: (borrowing OutputFile) throws -> Void
) throws {
  try replace(path, keepingOldAs: kept) { temporary in
    let file = try OutputFile(temporary, [.create, .exclusiveCreate], name: path)
    try body(file)
    try file.synchronise()
  }
}

/// Whether ``writeAtomically(to:keepingOldAs:_:)`` could begin, to be asked before what is to be written takes long to compute.
///
/// - Parameters:
///   - path: of the file.
///   - made: a directory that will be there by then.
/// - Throws: ``StorageError``.
public func checkCanWrite(_ path: String, besides made: String? = nil) throws {
  let isInMade = made.map {
    FilePath($0).lexicallyNormalized() == FilePath(directory(of: path)).lexicallyNormalized()
  }
  if isInMade == true { return }
  guard kind(of: path) != .directory else { throw StorageError("write", path, .isDirectory) }
  try checkIsReplaceable(path)
  guard access(directory(of: path), W_OK | X_OK) == 0 else {
    throw StorageError("write", path, Errno(rawValue: errno))
  }
}

/// - Throws: ``StorageError`` for a device or a pipe, or a link to one: a file would take its place.
private func checkIsReplaceable(_ path: String) throws {
  switch kind(of: path) {
  case .device, .pipe:
    throw StorageError("put a file in the place of the device or pipe", path, .notPermitted)
  case .file, .directory, .nothing: return
  }
}

/// Gives the file at `path` a second name, which may name another file before, as atomically.
///
/// The file that was called `name` is called `kept` then, if there is such a name.
///
/// - Throws: ``StorageError``, for one where the file system has no second names; the old file is then untouched.
public func linkAtomically(_ path: String, as name: String, keepingOldAs kept: String? = nil) throws {
  try replace(name, keepingOldAs: kept) { temporary in
    guard link(path, temporary) == 0 else {
      throw StorageError("link to", path, Errno(rawValue: errno))
    }
  }
}

/// Lets `make` make a file of a temporary name, and puts it in the place of the one at `path`.
private func replace(
  _ path: String, keepingOldAs kept: String? = nil, _ make: (_ temporary: String) throws -> Void
) throws {
  try checkIsReplaceable(path)
  let temporary = temporaryName(for: path)
  // Also where it is a second name of the very file that it was to replace: renaming it then does nothing.
  defer { unlink(temporary) }
  try make(temporary)
  // Only now that there is a new one.
  if let kept, kind(of: path) != .nothing { try? linkAtomically(path, as: kept) }
  guard rename(temporary, path) == 0 else {
    throw StorageError("rename a new file to", path, Errno(rawValue: errno))
  }
  try synchroniseDirectory(directory(of: path))
}

private func directory(of path: String) -> String {
  let directory = FilePath(path).removingLastComponent().string
  return directory.isEmpty ? "." : directory
}

// MARK: - Temporary files

private let temporaryMark = ".tmp-"

/// Hidden, so that nobody takes it for a whole file, and impossible to guess, so that nobody can put a link in its place.
private func temporaryName(for path: String) -> String {
  let digits = String(UInt64.random(in: .min ... .max), radix: 16)
  let name = FilePath(path).lastComponent?.string ?? ""
  return FilePath(path).removingLastComponent().appending(".\(name)\(temporaryMark)\(digits)").string
}

/// Removes from the directory what writers have left there that were ended before they could rename their files.
///
/// - Throws: ``StorageError``.
public func removeTemporaryFiles(in directory: String) throws {
  for name in try names(in: directory, { _ in }) where name.hasPrefix(".") && name.contains(temporaryMark) {
    let path = "\(directory)/\(name)"
    // Nobody who writes leaves a directory.
    if isLink(path) || kind(of: path) != .directory { try removeFile(path) }
  }
}

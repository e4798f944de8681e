import FoundationEssentials
import Glibc
import SystemPackage

/// What a path names.
public enum PathKind: Sendable {
  case file
  case directory
  case nothing
}

public func kind(of path: String) -> PathKind {
  var isDirectory = false
  guard FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory) else {
    return .nothing
  }
  return isDirectory ? .directory : .file
}

/// The files below the directory `path`, hidden ones left out, sorted by path.
///
/// - Throws: ``StorageError`` if a directory cannot be read.
public func filesBelow(_ path: String) throws -> [String] {
  try attempt("open", path) { try FileDescriptor.open(path, .readOnly, options: .directory).close() }
  let names = try attempt("list", path) { try FileManager.default.contentsOfDirectory(atPath: path) }
  return try names.filter { !$0.hasPrefix(".") }.sorted().flatMap { name -> [String] in
    let child = path.hasSuffix("/") ? path + name : path + "/" + name
    return kind(of: child) == .directory ? try filesBelow(child) : [child]
  }
}

/// Makes the directory `path` and those above it, where they do not exist.
///
/// - Throws: ``StorageError``.
public func makeDirectories(_ path: String) throws {
  var made = FilePath(path).isAbsolute ? FilePath("/") : FilePath("")
  for component in FilePath(path).components {
    made.append(component)
    if mkdir(made.string, 0o777) != 0, errno != EEXIST {
      throw StorageError("make the directory", made.string, Errno(rawValue: errno))
    }
  }
  guard kind(of: path) == .directory else {
    throw StorageError("make the directory", path, .notDirectory)
  }
}

/// Makes entries created, renamed or removed in the directory `path` survive a power cut.
///
/// - Throws: ``StorageError``.
func synchroniseDirectory(_ path: String) throws {
  let directory = try attempt("open", path) {
    try FileDescriptor.open(path, .readOnly, options: .directory)
  }
  defer { try? directory.close() }
  guard fsync(directory.rawValue) == 0 else {
    throw StorageError("synchronise", path, Errno(rawValue: errno))
  }
}

/// - Throws: ``StorageError``.
public func removeFile(_ path: String) throws {
  guard unlink(path) == 0 else { throw StorageError("remove", path, Errno(rawValue: errno)) }
}

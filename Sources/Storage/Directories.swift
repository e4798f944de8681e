import Glibc
import SystemPackage

/// What a path names.
public enum PathKind: Equatable, Sendable {
  /// With its size in bytes.
  case file(size: Int)
  case directory
  /// A pipe or a socket.
  case pipe
  /// A device, which may have no end.
  case device
  case nothing
}

/// What `path` names, links followed; it is not opened.
public func kind(of path: String) -> PathKind {
  var status = stat()
  guard stat(path, &status) == 0 else { return .nothing }
  return switch status.st_mode & S_IFMT {
  case S_IFREG: .file(size: Int(status.st_size))
  case S_IFDIR: .directory
  case S_IFCHR, S_IFBLK: .device
  default: .pipe
  }
}

/// The regular files below the directory `path`, sorted by path. Hidden ones are left out, and links to
/// directories are not followed, since they may lead back.
///
/// - Throws: ``StorageError`` if a directory cannot be read, or has a name that is not UTF-8.
public func filesBelow(_ path: String) throws -> [String] {
  let names = try names(in: path) { name in
    throw StorageError("read a name that is not UTF-8 in", path + "/" + name, .illegalByteSequence)
  }
  return try names.filter { !$0.hasPrefix(".") }.flatMap { name -> [String] in
    let child = path.hasSuffix("/") ? path + name : path + "/" + name
    switch kind(of: child) {
    case .file: return [child]
    case .directory where !isLink(child): return try filesBelow(child)
    default: return []
    }
  }.sorted()
}

/// The names of the regular files in the directory `path`, sorted; hidden ones and those that are not UTF-8 are left out.
///
/// - Throws: ``StorageError`` if the directory cannot be read.
public func namesOfFiles(in path: String) throws -> [String] {
  try names(in: path) { _ in }.filter { name in
    guard !name.hasPrefix("."), case .file = kind(of: path + "/" + name) else { return false }
    return true
  }.sorted()
}

/// The names in the directory `path`.
///
/// - Parameter refuse: given what can be shown of a name that is not UTF-8, which is left out.
/// - Throws: ``StorageError`` if the directory cannot be read; what `refuse` throws.
func names(in path: String, _ refuse: (String) throws -> Void) throws -> [String] {
  guard let directory = opendir(path) else { throw StorageError("list", path, Errno(rawValue: errno)) }
  defer { closedir(directory) }
  var names: [String] = []
  errno = 0
  while let entry = readdir(directory) {
    let name = withUnsafePointer(to: &entry.pointee.d_name) {
      $0.withMemoryRebound(to: CChar.self, capacity: Int(NAME_MAX) + 1) {
        (String(validatingCString: $0), String(cString: $0))
      }
    }
    if let valid = name.0 {
      if valid != ".", valid != ".." { names.append(valid) }
    } else {
      try refuse(name.1)
    }
    errno = 0
  }
  guard errno == 0 else { throw StorageError("list", path, Errno(rawValue: errno)) }
  return names
}

/// Whether `path` itself is a symbolic link.
public func isLink(_ path: String) -> Bool {
  var status = stat()
  return lstat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFLNK
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
    try FileDescriptor.open(path, .readOnly, options: [.directory, .closeOnExec])
  }
  defer { try? directory.close() }
  // A file system that cannot do so for directories says that the argument is not valid.
  guard fsync(directory.rawValue) == 0 || errno == EINVAL else {
    throw StorageError("synchronise", path, Errno(rawValue: errno))
  }
}

/// Makes the directory `path`, whose parent exists.
///
/// - Returns: whether it did not exist before.
/// - Throws: ``StorageError``.
public func makeNewDirectory(_ path: String) throws -> Bool {
  if mkdir(path, 0o777) == 0 { return true }
  guard errno == EEXIST else { throw StorageError("make the directory", path, Errno(rawValue: errno)) }
  return false
}

/// Whether both paths name the same existing file.
public func areSameFile(_ a: String, _ b: String) -> Bool {
  var (statusA, statusB) = (stat(), stat())
  guard stat(a, &statusA) == 0, stat(b, &statusB) == 0 else { return false }
  return statusA.st_dev == statusB.st_dev && statusA.st_ino == statusB.st_ino
}

/// - Throws: ``StorageError``.
public func removeFile(_ path: String) throws {
  guard unlink(path) == 0 else { throw StorageError("remove", path, Errno(rawValue: errno)) }
}

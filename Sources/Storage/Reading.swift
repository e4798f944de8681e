import SystemPackage

/// Reads a file to its end in pieces, without ever holding more than one of them.
///
/// - Parameters:
///   - path: the file's.
///   - offset: where to begin, in bytes.
///   - pieceSize: the bytes of a piece at most.
///   - body: given each piece in order, never an empty one.
/// - Throws: ``StorageError``, or what `body` throws.
public func readPieces(
  of path: String, from offset: Int = 0, pieceSize: Int = 1 << 20,
  _ body: (ArraySlice<UInt8>) throws -> Void
) throws {
  let file = try attempt("open", path) { try FileDescriptor.open(path, .readOnly, options: .closeOnExec) }
  defer { try? file.close() }
  if offset > 0 { _ = try attempt("read", path) { try file.seek(offset: Int64(offset), from: .start) } }
  var piece = [UInt8](repeating: 0, count: pieceSize)
  while true {
    let count = try attempt("read", path) {
      try piece.withUnsafeMutableBytes { try file.read(into: $0) }
    }
    if count == 0 { return }
    try body(piece[..<count])
  }
}

/// The whole file at `path`, or what of it is behind `offset`.
///
/// - Throws: ``StorageError``, also if that has more than `limit` bytes.
public func readWhole(_ path: String, from offset: Int = 0, limit: Int) throws -> [UInt8] {
  var bytes: [UInt8] = []
  try readPieces(of: path, from: offset) { piece in
    guard bytes.count + piece.count <= limit else { throw StorageError("read", path, .fileTooLarge) }
    bytes += piece
  }
  return bytes
}

/// The `count` bytes from `offset` on, or fewer where the file ends before.
///
/// - Throws: ``StorageError``.
public func readBytes(of path: String, from offset: Int, count: Int) throws -> [UInt8] {
  try InputFile(path).bytes(from: offset, count: count)
}

/// A regular file that stays the same one while it is read, whatever takes its place in its directory.
public final class InputFile: Sendable {
  public let path: String
  private let file: FileDescriptor

  /// - Throws: ``StorageError``.
  public init(_ path: String) throws {
    self.path = path
    file = try attempt("open", path) { try FileDescriptor.open(path, .readOnly, options: .closeOnExec) }
  }

  deinit { try? file.close() }

  /// In bytes.
  ///
  /// - Throws: ``StorageError``.
  public func size() throws -> Int {
    Int(try attempt("read", path) { try file.seek(offset: 0, from: .end) })
  }

  /// The `count` bytes from `offset` on, or fewer where the file ends before.
  ///
  /// - Throws: ``StorageError``.
  public func bytes(from offset: Int, count: Int) throws -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: count)
    var filled = 0
    while filled < count {
      let read = try attempt("read", path) {
        try bytes.withUnsafeMutableBytes {
          try file.read(
            fromAbsoluteOffset: Int64(offset + filled),
            into: UnsafeMutableRawBufferPointer(rebasing: $0[filled...]))
        }
      }
      if read == 0 { break }
      filled += read
    }
    bytes.removeLast(count - filled)
    return bytes
  }

  /// Reads the bytes of `range`, as far as the file has them, in pieces.
  ///
  /// - Throws: ``StorageError``, or what `body` throws.
  public func readPieces(
    _ range: Range<Int>, pieceSize: Int = 1 << 20, _ body: ([UInt8]) throws -> Void
  ) throws {
    var offset = range.lowerBound
    while offset < range.upperBound {
      let piece = try bytes(from: offset, count: min(pieceSize, range.upperBound - offset))
      if piece.isEmpty { return }
      try body(piece)
      offset += piece.count
    }
  }
}

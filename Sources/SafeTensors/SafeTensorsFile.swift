import Kernels
import Storage

/// A safetensors file whose header has been read and checked.
public struct SafeTensorsFile: Sendable {
  public let header: SafeTensorsHeader
  private let file: InputFile
  /// Where the data start in the file.
  private let dataOffset: Int

  public var path: String { file.path }

  /// - Throws: ``SafeTensorsError`` if it is no safetensors file, `StorageError` if it cannot be read.
  public init(path: String) throws {
    func refuse(_ found: String) -> SafeTensorsError {
      SafeTensorsError(path: path, expected: "a safetensors file", found: found)
    }
    switch kind(of: path) {
    case .directory: throw refuse("a directory")
    case .pipe: throw refuse("a pipe")
    case .device: throw refuse("a device")
    case .file, .nothing: file = try InputFile(path)
    }
    let size = try file.size()
    let lengthBytes = try file.bytes(from: 0, count: 8)
    guard size >= 8, lengthBytes.count == 8 else { throw refuse("a file of \(size) bytes") }
    let length = lengthBytes.reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
    let limit = min(SafeTensorsHeader.maximumLength, size - 8)
    guard length <= UInt64(limit) else { throw refuse("something else: no header at its start") }
    dataOffset = 8 + Int(length)
    header = try SafeTensorsHeader(
      json: try file.bytes(from: 8, count: Int(length)), dataCount: size - dataOffset, path: path)
  }

  /// Reads the elements of `tensor`, which must be `F32`, into `values` of the same count.
  ///
  /// - Throws: ``SafeTensorsError``, or `StorageError`.
  public func read(_ tensor: SafeTensorsHeader.Tensor, into values: Vector) throws {
    guard tensor.type == "F32", tensor.bytes.count == values.bytes.count else {
      throw SafeTensorsError(
        path: path, expected: "'\(tensor.name)' as F32 with \(values.count) elements",
        found: "\(tensor.type) of shape \(tensor.shape)")
    }
    let bytes = try file.bytes(from: dataOffset + tensor.bytes.lowerBound, count: tensor.bytes.count)
    guard bytes.count == tensor.bytes.count else {
      throw SafeTensorsError(path: path, expected: "an unchanged file", found: "one cut short")
    }
    values.bytes.copyBytes(from: bytes)
  }

  /// The checksum of all tensor data, in the order of the file.
  ///
  /// - Throws: `StorageError`.
  public func dataChecksum() throws -> Checksum {
    var checksum = Checksum()
    try file.readPieces(dataOffset..<max(dataOffset, file.size())) { piece in
      piece.withUnsafeBytes { checksum.add($0) }
    }
    return checksum
  }
}

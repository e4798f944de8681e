import FoundationEssentials
import Kernels
import Storage

/// A float32 tensor to be written.
public struct OutputTensor {
  public let name: String
  public let shape: [Int]
  /// Row-major.
  public let values: Vector

  public init(name: String, shape: [Int], values: Vector) {
    precondition(shape.reduce(1, *) == values.count)
    self.name = name
    self.shape = shape
    self.values = values
  }
}

/// The checksum of the data of `tensors` as they will be written.
public func dataChecksum(of tensors: [OutputTensor]) -> Checksum {
  var checksum = Checksum()
  for tensor in tensors { checksum.add(UnsafeRawBufferPointer(tensor.values.bytes)) }
  return checksum
}

/// Writes a safetensors file, atomically: see `writeAtomically(to:keepingOldAs:_:)`.
///
/// The file that was there before is `kept` then, if there is such a name and it can have a second one.
///
/// - Throws: `StorageError`; what was at `path` before is then untouched.
public func writeSafeTensors(
  to path: String, keepingOldAs kept: String? = nil, metadata: [String: String], tensors: [OutputTensor]
) throws {
  let header = try encodedHeader(metadata, tensors)
  try writeAtomically(to: path, keepingOldAs: kept) { file in
    try withUnsafeBytes(of: UInt64(header.count).littleEndian) { try file.write($0) }
    try header.withUnsafeBytes { try file.write($0) }
    for tensor in tensors { try file.write(UnsafeRawBufferPointer(tensor.values.bytes)) }
  }
}

/// Padded with spaces, so that the data start on a multiple of eight bytes.
private func encodedHeader(_ metadata: [String: String], _ tensors: [OutputTensor]) throws -> [UInt8] {
  var entries: [String: HeaderEntry] = [SafeTensorsHeader.metadataKey: .metadata(metadata)]
  var offset = 0
  for tensor in tensors {
    let end = offset + tensor.values.bytes.count
    precondition(entries[tensor.name] == nil, "two tensors named '\(tensor.name)'")
    entries[tensor.name] = .tensor(shape: tensor.shape, offsets: [offset, end])
    offset = end
  }
  let encoder = JSONEncoder()
  encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
  var header = Array(try encoder.encode(entries))
  while header.count % 8 != 0 { header.append(UInt8(ascii: " ")) }
  return header
}

private enum HeaderEntry: Encodable {
  case metadata([String: String])
  case tensor(shape: [Int], offsets: [Int])

  private enum Key: String, CodingKey {
    case dtype, shape
    case offsets = "data_offsets"
  }

  func encode(to encoder: any Encoder) throws {
    switch self {
    case .metadata(let values):
      try values.encode(to: encoder)
    case .tensor(let shape, let offsets):
      var container = encoder.container(keyedBy: Key.self)
      try container.encode("F32", forKey: .dtype)
      try container.encode(shape, forKey: .shape)
      try container.encode(offsets, forKey: .offsets)
    }
  }
}

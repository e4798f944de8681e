import FoundationEssentials

/// What a safetensors file says of itself: metadata, and each tensor's name, type, shape and place.
///
/// The format: eight bytes with the header's length, little-endian; the header, a JSON object; the
/// tensors' data without holes. Source: the safetensors format description and its reference reader,
/// whose every check is made here too, before anything in the header is believed.
public struct SafeTensorsHeader: Sendable {
  public struct Tensor: Equatable, Sendable {
    public let name: String
    /// As the format writes it, such as `F32`.
    public let type: String
    public let shape: [Int]
    /// Its bytes, from the start of the data.
    public let bytes: Range<Int>
  }

  /// `__metadata__`.
  public let metadata: [String: String]
  /// In the order of their data.
  public let tensors: [Tensor]

  /// Readers refuse a longer header.
  static let maximumLength = 100_000_000
  static let metadataKey = "__metadata__"

  /// Bytes per element.
  static let typeSizes = [
    "BOOL": 1, "U8": 1, "I8": 1, "F8_E5M2": 1, "F8_E4M3": 1, "I16": 2, "U16": 2, "F16": 2, "BF16": 2,
    "I32": 4, "U32": 4, "F32": 4, "F64": 8, "I64": 8, "U64": 8,
  ]

  public func tensor(named name: String) -> Tensor? {
    tensors.first { $0.name == name }
  }

  /// - Parameters:
  ///   - json: the header without its length.
  ///   - dataCount: the bytes that follow it.
  ///   - path: what errors name.
  /// - Throws: ``SafeTensorsError``.
  init(json: [UInt8], dataCount: Int, path: String) throws {
    func refuse(_ expected: String, _ found: String) -> SafeTensorsError {
      SafeTensorsError(path: path, expected: expected, found: found)
    }
    guard json.first == UInt8(ascii: "{") else {
      throw refuse("a JSON object as its header", "something else")
    }
    guard String(validating: json, as: UTF8.self) != nil else {
      throw refuse("a header in UTF-8", "other bytes")
    }
    if let key = JSONKeys.firstDuplicate(in: json) {
      throw refuse("distinct names in its header", "'\(key)' twice")
    }
    let entries: [String: Entry]
    do { entries = try JSONDecoder().decode([String: Entry].self, from: Data(json)) } catch {
      throw refuse("a header of tensors with dtype, shape and data_offsets", "other JSON")
    }
    var metadata: [String: String] = [:]
    var tensors: [Tensor] = []
    for (name, entry) in entries {
      switch entry {
      case .metadata(let values) where name == Self.metadataKey:
        metadata = values
      case .tensor(let type, let shape, let offsets) where name != Self.metadataKey:
        tensors.append(try Self.tensor(name, type, shape, offsets, dataCount, refuse))
      default:
        throw refuse("strings in \(Self.metadataKey) and tensors elsewhere", "'\(name)'")
      }
    }
    tensors.sort { ($0.bytes.lowerBound, $0.bytes.upperBound) < ($1.bytes.lowerBound, $1.bytes.upperBound) }
    var end = 0
    for tensor in tensors {
      guard tensor.bytes.lowerBound == end else {
        throw refuse("'\(tensor.name)' to start at byte \(end)", "\(tensor.bytes.lowerBound)")
      }
      end = tensor.bytes.upperBound
    }
    guard end == dataCount else { throw refuse("\(end) bytes of data", "\(dataCount)") }
    self.metadata = metadata
    self.tensors = tensors
  }

  private static func tensor(
    _ name: String, _ type: String, _ shape: [Int], _ offsets: [Int], _ dataCount: Int,
    _ refuse: (String, String) -> SafeTensorsError
  ) throws -> Tensor {
    guard let size = typeSizes[type] else {
      throw refuse("a known type of '\(name)'", "'\(type)'")
    }
    guard offsets.count == 2, offsets[0] >= 0, offsets[0] <= offsets[1], offsets[1] <= dataCount else {
      throw refuse("data offsets of '\(name)' within \(dataCount) bytes", "\(offsets)")
    }
    var byteCount = size
    for extent in shape {
      let (product, overflow) = byteCount.multipliedReportingOverflow(by: extent)
      guard extent >= 0, !overflow else { throw refuse("a shape of '\(name)' that can be", "\(shape)") }
      byteCount = product
    }
    let bytes = offsets[0]..<offsets[1]
    guard bytes.count == byteCount else {
      throw refuse("\(byteCount) bytes for '\(name)' of shape \(shape)", "\(bytes.count)")
    }
    return Tensor(name: name, type: type, shape: shape, bytes: bytes)
  }

  private enum Entry: Decodable {
    case metadata([String: String])
    case tensor(type: String, shape: [Int], offsets: [Int])

    private enum Key: String, CodingKey {
      case dtype, shape
      case offsets = "data_offsets"
    }

    init(from decoder: any Decoder) throws {
      // Which of the two it is follows from the key above it.
      if decoder.codingPath.last?.stringValue == metadataKey {
        self = .metadata(try [String: String](from: decoder))
      } else {
        let values = try decoder.container(keyedBy: Key.self)
        self = .tensor(
          type: try values.decode(String.self, forKey: .dtype),
          shape: try values.decode([Int].self, forKey: .shape),
          offsets: try values.decode([Int].self, forKey: .offsets))
      }
    }
  }
}

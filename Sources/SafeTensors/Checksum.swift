/// The CRC-32 of ISO 3309, as in gzip, zlib and PNG, so that any tool can check it.
public struct Checksum: Equatable, Sendable {
  private var register: UInt32 = .max

  public init() {}

  public var value: UInt32 { ~register }

  /// Such as `crc32:0a1b2c3d`.
  public var text: String {
    let digits = String(value, radix: 16)
    return "crc32:" + String(repeating: "0", count: 8 - digits.count) + digits
  }

  public mutating func add(_ bytes: UnsafeRawBufferPointer) {
    var register = register
    for byte in bytes {
      register = Self.table[Int(UInt8(truncatingIfNeeded: register) ^ byte)] ^ (register >> 8)
    }
    self.register = register
  }

  private static let table: [UInt32] = (0..<256).map { byte in
    (0..<8).reduce(UInt32(byte)) { rest, _ in
      rest & 1 == 1 ? 0xEDB8_8320 ^ (rest >> 1) : rest >> 1
    }
  }
}

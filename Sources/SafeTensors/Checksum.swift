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

  /// Eight bytes at a time ("slicing-by-8": Kounavis and Berry, "Novel table lookup-based algorithms for high-performance CRC
  /// generation", IEEE Transactions on Computers 57, 2008).
  public mutating func add(_ bytes: UnsafeRawBufferPointer) {
    var register = register
    let words = bytes.count / 8
    Self.tables.withUnsafeBufferPointer { tables in
      for word in 0..<words {
        var rest =
          UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: 8 * word, as: UInt64.self))
          ^ UInt64(register)
        register = 0
        for table in 0..<8 {
          register ^= tables[(7 - table) << 8 | Int(UInt8(truncatingIfNeeded: rest))]
          rest >>= 8
        }
      }
      for byte in bytes[(8 * words)...] {
        register = tables[Int(UInt8(truncatingIfNeeded: register) ^ byte)] ^ (register >> 8)
      }
    }
    self.register = register
  }

  /// Table `n` at `256 * n`: what a byte has become `n` bytes later.
  private static let tables: [UInt32] = {
    var tables = (0..<256).map { byte -> UInt32 in
      var rest = UInt32(byte)
      for _ in 0..<8 { rest = (rest >> 1) ^ (rest & 1 == 1 ? 0xEDB8_8320 : 0) }
      return rest
    }
    for index in 0..<7 * 256 {
      let before = tables[index]
      tables.append(tables[Int(UInt8(truncatingIfNeeded: before))] ^ (before >> 8))
    }
    return tables
  }()
}

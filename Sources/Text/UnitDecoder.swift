/// Turns the bytes of one file, given in pieces, into text units.
struct UnitDecoder {
  private let path: String
  private let format: TextFormat
  /// Bytes taken so far.
  private var offset = 0

  // The UTF-8 sequence at hand: what of it is read, how many bytes are missing, what the next may be.
  private var sequenceStart = 0
  private var scalar: UInt32 = 0
  private var missing = 0
  private var allowedNext: ClosedRange<UInt8> = 0x80...0xBF

  /// Lower-case mappings of the scalars beyond ASCII that the text has.
  private var lowercaseMappings: [UInt32: [UInt32]] = [:]

  /// - Parameter path: what errors name.
  init(path: String, format: TextFormat) {
    self.path = path
    self.format = format
  }

  /// - Throws: ``TextError/invalidUTF8(path:offset:)``, or what `emit` throws.
  mutating func decode(
    _ piece: ArraySlice<UInt8>, _ emit: (TextUnit) throws -> Void
  ) throws {
    let isScalar = format.unit == .scalar
    for byte in piece {
      if byte < 0x80 || !isScalar {
        guard missing == 0 else { throw invalid(at: sequenceStart) }
        try emitASCIIOrByte(byte, emit)
      } else {
        try decodeMultibyte(byte, emit)
      }
      offset += 1
    }
  }

  /// Ends the file.
  mutating func finish(_ emit: (TextUnit) throws -> Void) throws {
    guard missing == 0 else { throw invalid(at: sequenceStart) }
    if format.endToken { try emit(.end) }
  }

  @inline(__always)
  private func emitASCIIOrByte(_ byte: UInt8, _ emit: (TextUnit) throws -> Void) throws {
    if format.newlines == .strip, byte == 0x0A || byte == 0x0D { return }
    let isUpper = byte >= 0x41 && byte <= 0x5A
    try emit(TextUnit(UInt32(format.lowercase && isUpper ? byte + 0x20 : byte)))
  }

  /// Well-formed sequences are those of table 3-7 of the Unicode Standard.
  private mutating func decodeMultibyte(
    _ byte: UInt8, _ emit: (TextUnit) throws -> Void
  ) throws {
    if missing > 0 {
      guard allowedNext.contains(byte) else { throw invalid(at: sequenceStart) }
      scalar = scalar << 6 | UInt32(byte & 0x3F)
      allowedNext = 0x80...0xBF
      missing -= 1
      if missing == 0 { try emitScalar(emit) }
      return
    }
    sequenceStart = offset
    allowedNext = 0x80...0xBF
    switch byte {
    case 0xC2...0xDF:
      (scalar, missing) = (UInt32(byte & 0x1F), 1)
    case 0xE0...0xEF:
      (scalar, missing) = (UInt32(byte & 0x0F), 2)
      if byte == 0xE0 { allowedNext = 0xA0...0xBF }
      if byte == 0xED { allowedNext = 0x80...0x9F }
    case 0xF0...0xF4:
      (scalar, missing) = (UInt32(byte & 0x07), 3)
      if byte == 0xF0 { allowedNext = 0x90...0xBF }
      if byte == 0xF4 { allowedNext = 0x80...0x8F }
    default:
      throw invalid(at: offset)
    }
  }

  private mutating func emitScalar(_ emit: (TextUnit) throws -> Void) throws {
    let byteOrderMark: UInt32 = 0xFEFF
    if scalar == byteOrderMark, sequenceStart == 0 { return }
    guard format.lowercase else { return try emit(TextUnit(scalar)) }
    for mapped in lowercased(scalar) { try emit(TextUnit(mapped)) }
  }

  private mutating func lowercased(_ scalar: UInt32) -> [UInt32] {
    if let known = lowercaseMappings[scalar] { return known }
    let mapping = Unicode.Scalar(scalar)!.properties.lowercaseMapping.unicodeScalars.map(\.value)
    lowercaseMappings[scalar] = mapping
    return mapping
  }

  private func invalid(at offset: Int) -> TextError {
    .invalidUTF8(path: path, offset: offset)
  }
}

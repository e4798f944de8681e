/// What the command line's numbers must look like.
enum Number {
  struct Malformed: Error, CustomStringConvertible {
    let description: String
  }

  @Sendable static func whole(_ text: String) throws -> Int {
    guard let value = Int(text) else { throw Malformed(description: "expected a whole number") }
    return value
  }

  @Sendable static func seed(_ text: String) throws -> UInt64 {
    guard let value = UInt64(text) else {
      throw Malformed(description: "expected a whole number from 0 to \(UInt64.max)")
    }
    return value
  }

  @Sendable static func real(_ text: String) throws -> Double {
    guard let value = Double(text) else { throw Malformed(description: "expected a number") }
    return value
  }

  @Sendable static func single(_ text: String) throws -> Float { Float(try real(text)) }
}

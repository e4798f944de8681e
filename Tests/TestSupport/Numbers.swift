import Kernels

/// Numbers that look random, the same at each run: for filling test arrays.
public struct TestNumbers {
  private var state: UInt64

  public init(_ seed: UInt64) { state = seed &* 0x9E37_79B9_7F4A_7C15 &+ 1 }

  /// Uniform in [-1, 1).
  public mutating func next() -> Float {
    state ^= state << 13
    state ^= state >> 7
    state ^= state << 17
    return Float(Int32(truncatingIfNeeded: state >> 32)) * 0x1p-31
  }

  /// Uniform in 0..<limit.
  public mutating func index(below limit: Int) -> Int {
    Int((Double(next()) + 1) / 2 * Double(limit)) % limit
  }

  public mutating func fill(_ vector: Vector, scale: Float = 1) {
    for index in 0..<vector.count { vector[index] = scale * next() }
  }

  public mutating func tokens(_ count: Int, below limit: Int) -> [UInt16] {
    (0..<count).map { _ in UInt16(index(below: limit)) }
  }
}

/// The largest difference between elements over the largest magnitude in `expected`.
public func relativeError(_ found: [Float], _ expected: [Float]) -> Double {
  precondition(found.count == expected.count, "\(found.count) elements, expected \(expected.count)")
  let difference = zip(found, expected).map { abs(Double($0) - Double($1)) }.max() ?? 0
  let magnitude = expected.map { abs(Double($0)) }.max() ?? 0
  return magnitude == 0 ? difference : difference / magnitude
}

/// The counter-based generator Philox4x32-10: 128 random bits as a pure function of a key and a counter.
///
/// Nothing is stored between draws, so a number depends only on what it is drawn for, never on who
/// draws it or when. Source: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as
/// 1, 2, 3", SC 2011; the tests hold it against the known answers published with that paper.
public struct Philox: Sendable {
  private let key: SIMD2<UInt32>

  public init(key: SIMD2<UInt32>) {
    self.key = key
  }

  public init(seed: UInt64) {
    self.init(key: SIMD2(UInt32(truncatingIfNeeded: seed), UInt32(truncatingIfNeeded: seed >> 32)))
  }

  /// Four independent uniform 32-bit numbers for `counter`.
  public func callAsFunction(_ counter: SIMD4<UInt32>) -> SIMD4<UInt32> {
    var c = counter
    var k = key
    for _ in 0..<10 {
      let left = Self.multipliers.x.multipliedFullWidth(by: c.x)
      let right = Self.multipliers.y.multipliedFullWidth(by: c.z)
      c = SIMD4(right.high ^ c.y ^ k.x, right.low, left.high ^ c.w ^ k.y, left.low)
      k &+= Self.weylConstants
    }
    return c
  }

  /// The same for eight counters that differ in their first number only, which counts up from `first`: number `i` of counter `j` is
  /// `[i][j]`, in the low halves of 64 bits.
  @inline(__always)
  func eight(_ first: UInt32, _ rest: SIMD3<UInt32>) -> (
    SIMD8<UInt64>, SIMD8<UInt64>, SIMD8<UInt64>, SIMD8<UInt64>
  ) {
    let low = SIMD8<UInt64>(repeating: 0xFFFF_FFFF)
    let half = SIMD8<UInt64>(repeating: 32)
    let (left, right) = (
      SIMD8<UInt64>(repeating: UInt64(Self.multipliers.x)),
      SIMD8<UInt64>(repeating: UInt64(Self.multipliers.y))
    )
    var c0 = (SIMD8<UInt64>(repeating: UInt64(first)) &+ SIMD8(0, 1, 2, 3, 4, 5, 6, 7)) & low
    var c1 = SIMD8<UInt64>(repeating: UInt64(rest.x))
    var c2 = SIMD8<UInt64>(repeating: UInt64(rest.y))
    var c3 = SIMD8<UInt64>(repeating: UInt64(rest.z))
    var k = key
    for _ in 0..<10 {
      // Masked again, so that the compiler sees that a product of halves will do.
      let (p0, p2) = ((c0 & low) &* left, (c2 & low) &* right)
      let (k0, k1) = (SIMD8<UInt64>(repeating: UInt64(k.x)), SIMD8<UInt64>(repeating: UInt64(k.y)))
      (c0, c1, c2, c3) = ((p2 &>> half) ^ c1 ^ k0, p2 & low, (p0 &>> half) ^ c3 ^ k1, p0 & low)
      k &+= Self.weylConstants
    }
    return (c0, c1, c2, c3)
  }

  private static let multipliers = SIMD2<UInt32>(0xD251_1F53, 0xCD9E_8D57)
  private static let weylConstants = SIMD2<UInt32>(0x9E37_79B9, 0xBB67_AE85)
}

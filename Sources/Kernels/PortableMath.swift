// Functions of Double whose results every rank must have in the same bits, whatever C library its host has. They are used a few
// times a step at most. The series are those of the calculus books, long enough for the last digit.

public enum PortableMath {
  /// The natural logarithm of a number above 0, within 2 ulp.
  public static func log(_ x: Double) -> Double {
    precondition(x > 0 && x.isFinite)
    // x = 2^k m with m from sqrt(1/2) to sqrt(2); log m = 2 artanh((m - 1) / (m + 1)).
    var k = x.exponent
    var m = x.significand
    if m > 1.414_213_562_373_095_1 {
      m /= 2
      k += 1
    }
    let s = (m - 1) / (m + 1)
    let z = s * s
    var sum = 0.0
    for odd in stride(from: 25, through: 3, by: -2) { sum = (sum + 1 / Double(odd)) * z }
    // ln 2 in two parts: the first times k is exact.
    return Double(k) * 0x1.62e42fefap-1 + (2 * s + (2 * s * sum + Double(k) * 0x1.cf79abc9e3b3ap-40))
  }

  /// e to the power of `x`, which is from -700 to 700, within 2 ulp.
  public static func exp(_ x: Double) -> Double {
    precondition(abs(x) <= 700)
    let n = (x * 1.442_695_040_888_963_4).rounded()
    let r = x.addingProduct(-n, 0x1.62e42fefap-1).addingProduct(-n, 0x1.cf79abc9e3b3ap-40)
    var sum = 0.0
    for term in stride(from: 17, through: 1, by: -1) { sum = (sum + 1) * r / Double(term) }
    return Double(sign: .plus, exponent: Int(n), significand: sum + 1)
  }

  /// The cosine of an angle from -20 to 20, within 2e-16.
  public static func cos(_ x: Double) -> Double {
    precondition(abs(x) <= 20)
    let quarters = (x * 0.636_619_772_367_581_34).rounded()
    // pi / 2 in three parts.
    let r = x.addingProduct(-quarters, 0x1.921fb544p0).addingProduct(-quarters, 0x1.0b4611a6p-34)
      .addingProduct(-quarters, 0x1.3198a2e037073p-69)
    let z = r * r
    var cosine = 0.0
    for term in stride(from: 18, through: 2, by: -2) {
      cosine = -(cosine + 1) * z / Double(term * (term - 1))
    }
    var sine = 0.0
    for term in stride(from: 19, through: 3, by: -2) { sine = -(sine + 1) * z / Double(term * (term - 1)) }
    switch Int(quarters) & 3 {
    case 0: return cosine + 1
    case 1: return -(r * sine + r)
    case 2: return -(cosine + 1)
    default: return r * sine + r
    }
  }

  /// `base` to the power of `exponent`, which is at least 0, by repeated squaring: within `exponent` ulp.
  public static func power(_ base: Double, _ exponent: Int) -> Double {
    precondition(exponent >= 0)
    var (result, square, rest) = (1.0, base, exponent)
    while rest > 0 {
      if rest & 1 == 1 { result *= square }
      square *= square
      rest >>= 1
    }
    return result
  }
}

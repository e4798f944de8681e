import Foundation
import Kernels
import TestSupport
import Testing

/// Against the C library, which errs by less than 1 ulp.
@Suite struct PortableMathTests {
  private let values = (0..<200_000).map { index in Double(index) * 0.000_123_7 + 1e-6 }

  @Test func logarithm() {
    for x in values + [1, 0x1p-32, 1.5 * 0x1p-32, 1e300, 1e-300] {
      let exact = Foundation.log(x)
      #expect(abs(PortableMath.log(x) - exact) <= 2 * max(exact.ulp, 0x1p-52), "\(x)")
    }
  }

  @Test func exponential() {
    for x in values.map({ $0 - 12 }) + [-700, 700, 0] {
      let exact = Foundation.exp(x)
      #expect(abs(PortableMath.exp(x) - exact) <= 2 * exact.ulp, "\(x)")
    }
  }

  @Test func cosine() {
    for x in values.map({ $0 - 12 }).filter({ abs($0) <= 20 }) + [0, .pi / 2, .pi, 1.5 * .pi, 2 * .pi] {
      #expect(abs(PortableMath.cos(x) - Foundation.cos(x)) <= 2.3e-16, "\(x)")
    }
  }

  @Test func power() {
    for exponent in [0, 1, 2, 7, 100, 72_000] {
      let exact = Foundation.pow(0.999, Double(exponent))
      #expect(
        abs(PortableMath.power(0.999, exponent) - exact) <= 2e-16 * Double(exponent + 1) * exact,
        "\(exponent)")
    }
  }
}

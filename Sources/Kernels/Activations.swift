// Gate non-linearities and their derivatives, sixteen at a time and one at a time. No library function is called, so that
// the bits are the same on every host. The polynomials are minimax fits made for these ranges (Remez exchange).

/// `e^x = 2^n (1 + p)`, the parts of ``exp(_:)``: `x = n ln 2 + r` with `|r| <= ln 2 / 2`, and `p = e^r - 1`.
@usableFromInline
@frozen
struct ExponentialParts {
  /// As a whole number, and that plus 127 in the place of a float's exponent.
  @usableFromInline let n: SIMD16<Int32>
  @usableFromInline let p: Lanes

  /// - Parameter x: between -1000 and 1000, or NaN.
  @inlinable @inline(__always)
  init(_ x: Lanes) {
    // Adding and taking away 1.5 * 2^23 rounds to a whole number, which then stands in the lowest bits of the sum; ln 2 is taken
    // away in two parts, so that r loses nothing.
    let rounder: Float = 0x1.8p23
    let shifted = multiplyAdd(x, 1.442_695_04, rounder)
    let rounded = shifted - rounder
    let r = multiplyAdd(rounded, 2.121_944_4e-4, multiplyAdd(rounded, -0.693_359_375, x))
    var q = multiplyAdd(r, 0.001_381_461_3, 0.008_368_71)
    q = multiplyAdd(q, r, 0.041_668_387)
    q = multiplyAdd(q, r, 0.166_665_21)
    q = multiplyAdd(q, r, 0.499_999_93)
    p = multiplyAdd(q, r * r, r)
    n =
      unsafeBitCast(shifted, to: SIMD16<Int32>.self)
      &- SIMD16<Int32>(repeating: Int32(bitPattern: rounder.bitPattern))
  }

  /// `2^n`, which must be a normal number: `n` from -126 to 127.
  @inlinable @inline(__always)
  var power: Lanes { powerOfTwo(n) }
}

/// 2 to the power of each lane, which must be from -126 to 127.
@inlinable @inline(__always)
func powerOfTwo(_ exponent: SIMD16<Int32>) -> Lanes {
  unsafeBitCast((exponent &+ SIMD16<Int32>(repeating: 127)) &<< SIMD16<Int32>(repeating: 23), to: Lanes.self)
}

/// `e` to the power of each lane: within 1 ulp, 0 below -104, infinite above 88.73; NaN stays NaN.
@inlinable @inline(__always)
public func exp(_ x: Lanes) -> Lanes {
  let low = Lanes(repeating: -104.5)
  let high = Lanes(repeating: 89)
  let parts = ExponentialParts(
    x.replacing(with: low, where: x .< low).replacing(with: high, where: x .> high))
  // Times 2^n in two halves, since 2^n alone may be no float.
  let half = parts.n &>> SIMD16<Int32>(repeating: 1)
  return (parts.p + 1) * powerOfTwo(half) * powerOfTwo(parts.n &- half)
}

/// `1 / (1 + exp(-x))` of each lane, within 2.5 ulp; 0 below -87, where it is less than 2e-38.
@inlinable @inline(__always)
public func sigmoid(_ x: Lanes) -> Lanes {
  // exp(-|x|) is at most 1: nothing overflows, and small results keep their digits.
  let low = Lanes(repeating: -87)
  let negative = x.replacing(with: -x, where: x .> 0)
  let parts = ExponentialParts(negative.replacing(with: low, where: negative .< low))
  let e = multiplyAdd(parts.power, parts.p, parts.power)
  let above = e.replacing(with: 1, where: x .>= 0)
  return above.replacing(with: 0, where: x .< low) / (1 + e)
}

/// The hyperbolic tangent of each lane, within 2.5 ulp: `-m / (2 + m)` with `m = exp(-2|x|) - 1`, and the sign of `x`.
@inlinable @inline(__always)
public func tanh(_ x: Lanes) -> Lanes {
  let signBit = SIMD16<UInt32>(repeating: 0x8000_0000)
  let sign = unsafeBitCast(x, to: SIMD16<UInt32>.self) & signBit
  // Twice the magnitude, negative. Below -40 nothing is left of the exponential.
  let low = Lanes(repeating: -40)
  let doubled = unsafeBitCast(unsafeBitCast(x + x, to: SIMD16<UInt32>.self) | signBit, to: Lanes.self)
  let parts = ExponentialParts(doubled.replacing(with: low, where: doubled .< low))
  // Where n is 0 this is p: near zero no digit is lost.
  let m = multiplyAdd(parts.power, parts.p, parts.power - 1)
  let magnitude = m / (2 + m)
  return unsafeBitCast(
    (unsafeBitCast(magnitude, to: SIMD16<UInt32>.self) & ~signBit) | sign, to: Lanes.self)
}

/// The natural logarithm of each lane, within 1 ulp: of 0 minus infinity, of a negative number NaN.
///
/// `x = 2^k (1 + f)` with `1 + f` from `sqrt(1/2)` to `sqrt(2)`; with `s = f / (2 + f)` and `z = s^2`,
/// `log(1 + f) = f - s (f - R)`, `R = 2/3 z + 2/5 z^2 + ...`. Source: the series of the area tangent.
@inlinable @inline(__always)
public func log(_ x: Lanes) -> Lanes {
  // Numbers below the normal ones are brought among them.
  let isTiny = x .< Float.leastNormalMagnitude
  let normal = x.replacing(with: x * 0x1p24, where: isTiny)
  let bits = unsafeBitCast(normal, to: SIMD16<Int32>.self)
  // Counted from sqrt(1/2), the exponent is that of the nearest power of two.
  let root = SIMD16<Int32>(repeating: 0x3F35_04F3)
  let exponent = (bits &- root) &>> 23
  let f = unsafeBitCast(bits &- (exponent &<< 23), to: Lanes.self) - 1
  let k = Lanes(exponent).replacing(with: Lanes(exponent) - 24, where: isTiny)
  let s = f / (2 + f)
  let z = s * s
  var r = multiplyAdd(z, 2 / 9, 2 / 7)
  r = multiplyAdd(r, z, 2 / 5)
  r = multiplyAdd(r, z, 2 / 3)
  r = r * z
  let halfSquare = f * f * 0.5
  // ln 2 in two parts: the first times k is exact.
  let low = s * (halfSquare + r) + k * 9.058_001e-6
  var result = k * 0.693_138_1 - ((halfSquare - low) - f)
  result.replace(with: .infinity, where: x .== .infinity)
  result.replace(with: -.infinity, where: x .== 0)
  result.replace(with: .nan, where: .!(x .>= 0))
  return result
}

/// The derivative of `sigmoid` by its argument, from its value `s`.
@inlinable @inline(__always)
public func sigmoidSlope(value s: Lanes) -> Lanes {
  s * (1 - s)
}

/// The derivative of `tanh` by its argument, from its value `t`.
@inlinable @inline(__always)
public func tanhSlope(value t: Lanes) -> Lanes {
  1 - t * t
}

/// One of ``sigmoid(_:)``: the same bits as in a lane.
public func sigmoid(_ x: Float) -> Float { sigmoid(Lanes(repeating: x))[0] }

/// One of ``tanh(_:)``: the same bits as in a lane.
public func tanh(_ x: Float) -> Float { tanh(Lanes(repeating: x))[0] }

/// One of ``exp(_:)``: the same bits as in a lane.
public func exp(_ x: Float) -> Float { exp(Lanes(repeating: x))[0] }

/// One of ``log(_:)``: the same bits as in a lane.
public func log(_ x: Float) -> Float { log(Lanes(repeating: x))[0] }

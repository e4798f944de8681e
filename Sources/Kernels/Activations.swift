// Gate non-linearities and their derivatives, sixteen at a time and one at a time. No library function is called, so that
// the bits are the same on every host. The polynomials are minimax fits made for these ranges (Remez exchange).

/// `e` to the power of each lane: within 1 ulp, 0 below -104, infinite above 88.73; NaN stays NaN.
@inlinable @inline(__always)
public func exp(_ x: Lanes) -> Lanes {
  let low = Lanes(repeating: -104.5)
  let high = Lanes(repeating: 89)
  let clamped = x.replacing(with: low, where: x .< low).replacing(with: high, where: x .> high)
  // x = n ln 2 + r, |r| <= ln 2 / 2. Adding and taking away 1.5 * 2^23 rounds to a whole number, which then stands in the
  // lowest bits of the sum; ln 2 is taken away in two parts, so that r loses nothing.
  let rounder: Float = 0x1.8p23
  let shifted = multiplyAdd(clamped, 1.442_695_04, rounder)
  let n = shifted - rounder
  let r = multiplyAdd(n, 2.121_944_4e-4, multiplyAdd(n, -0.693_359_375, clamped))
  var p = multiplyAdd(r, 0.001_381_461_3, 0.008_368_71)
  p = multiplyAdd(p, r, 0.041_668_387)
  p = multiplyAdd(p, r, 0.166_665_21)
  p = multiplyAdd(p, r, 0.499_999_93)
  let power = multiplyAdd(p, r * r, r) + 1
  // Times 2^n in two halves, since 2^n alone may be no float.
  let whole =
    unsafeBitCast(shifted, to: SIMD16<Int32>.self)
    &- SIMD16<Int32>(repeating: Int32(bitPattern: rounder.bitPattern))
  let half = whole &>> 1
  return power * powerOfTwo(half) * powerOfTwo(whole &- half)
}

/// 2 to the power of each lane, which must be from -126 to 127.
@usableFromInline @inline(__always)
func powerOfTwo(_ exponent: SIMD16<Int32>) -> Lanes {
  unsafeBitCast((exponent &+ 127) &<< 23, to: Lanes.self)
}

/// `1 / (1 + exp(-x))` of each lane, within 2.5 ulp.
@inlinable @inline(__always)
public func sigmoid(_ x: Lanes) -> Lanes {
  // exp(-|x|) is at most 1: nothing overflows, and small results keep their digits.
  let e = exp(x.replacing(with: -x, where: x .> 0))
  return e.replacing(with: 1, where: x .>= 0) / (1 + e)
}

/// The hyperbolic tangent of each lane, within 2 ulp.
@inlinable @inline(__always)
public func tanh(_ x: Lanes) -> Lanes {
  let magnitude = x.replacing(with: -x, where: x .< 0)
  let large = 1 - 2 / (exp(magnitude + magnitude) + 1)
  let signed = large.replacing(with: -large, where: x .< 0)
  // Near zero the above would lose digits.
  let z = x * x
  var q = multiplyAdd(z, -0.005_717_05, 0.020_650_592)
  q = multiplyAdd(q, z, -0.053_743_5)
  q = multiplyAdd(q, z, 0.133_314_91)
  q = multiplyAdd(q, z, -0.333_332_84)
  let small = multiplyAdd(q * z, x, x)
  return signed.replacing(with: small, where: magnitude .< 0.625)
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

/// The derivative of ``sigmoid(_:)`` by its argument, from its value `s`.
@inlinable @inline(__always)
public func sigmoidSlope(value s: Lanes) -> Lanes {
  s * (1 - s)
}

/// The derivative of ``tanh(_:)`` by its argument, from its value `t`.
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

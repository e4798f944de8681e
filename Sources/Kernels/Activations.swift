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
  let shifted = clamped * 1.442_695_04 + rounder
  let n = shifted - rounder
  let r = (clamped - n * 0.693_359_375) + n * 2.121_944_4e-4
  var p = r * 0.001_381_461_3 + 0.008_368_71
  p = p * r + 0.041_668_387
  p = p * r + 0.166_665_21
  p = p * r + 0.499_999_93
  let power = (p * r * r + r) + 1
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
  var q = z * -0.005_717_05 + 0.020_650_592
  q = q * z - 0.053_743_5
  q = q * z + 0.133_314_91
  q = q * z - 0.333_332_84
  let small = q * z * x + x
  return signed.replacing(with: small, where: magnitude .< 0.625)
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

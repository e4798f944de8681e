// Gate non-linearities and their derivatives, one element at a time.

import Glibc

/// `1 / (1 + exp(-x))`.
@inlinable
public func sigmoid(_ x: Float) -> Float {
  1 / (1 + expf(-x))
}

/// The hyperbolic tangent.
@inlinable
public func tanh(_ x: Float) -> Float {
  tanhf(x)
}

/// The derivative of ``sigmoid(_:)`` by its argument, from its value `s`.
@inlinable
public func sigmoidSlope(value s: Float) -> Float {
  s * (1 - s)
}

/// The derivative of ``tanh(_:)`` by its argument, from its value `t`.
@inlinable
public func tanhSlope(value t: Float) -> Float {
  1 - t * t
}

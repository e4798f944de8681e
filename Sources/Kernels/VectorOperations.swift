// Loops over plain vectors. Every sum is taken in an order that depends on nothing but the length.

/// `sum(a[i] * b[i])`, in sixteen interleaved partial sums; the counts must be equal.
public func dot(_ a: Vector, _ b: Vector) -> Float {
  precondition(a.count == b.count)
  var partial = Lanes.zero
  for index in a.laneStarts { partial += a.lanes(at: index) * b.lanes(at: index) }
  return partial.sum()
}

/// The same with an array as the second factor.
public func dot(_ a: Vector, _ b: [Float]) -> Float {
  b.withUnsafeBufferPointer {
    dot(a, Vector(base: UnsafeMutablePointer(mutating: $0.baseAddress!), count: b.count))
  }
}

/// `target += source`, element by element.
public func add(_ source: Vector, to target: Vector) {
  precondition(source.count == target.count)
  for index in 0..<source.count { target[index] += source[index] }
}

/// `target += factor * source`, element by element.
public func add(_ source: Vector, times factor: Float, to target: Vector) {
  precondition(source.count == target.count)
  for index in 0..<source.count { target[index] += factor * source[index] }
}

/// `result = a * b`, element by element; `result` may be one of the factors.
public func multiplyElements(_ a: Vector, _ b: Vector, into result: Vector) {
  precondition(a.count == b.count && a.count == result.count)
  for index in 0..<a.count { result[index] = a[index] * b[index] }
}

/// `vector *= factor`, element by element.
public func scale(_ vector: Vector, by factor: Float) {
  for index in 0..<vector.count { vector[index] *= factor }
}

/// `average += part * (current - average)`, element by element.
public func moveTowards(_ current: Vector, _ average: Vector, part: Float) {
  precondition(current.count == average.count)
  for index in 0..<average.count { average[index] += part * (current[index] - average[index]) }
}

/// The Euclidean norm.
public func norm(_ vector: Vector) -> Double { squaredNorm(vector).squareRoot() }

/// The sum of the squares, in `Double`.
public func squaredNorm(_ vector: Vector) -> Double {
  var partial = SIMD16<Double>.zero
  for index in vector.laneStarts {
    let wide = SIMD16<Double>(vector.lanes(at: index))
    partial += wide * wide
  }
  return partial.sum()
}

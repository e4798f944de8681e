/// A view of `count` consecutive floats that somebody else owns (a ``FloatBuffer``).
///
/// The view must not outlive its owner. Subscripts are checked in debug builds only.
@frozen
public struct Vector {
  public let base: UnsafeMutablePointer<Float>
  public let count: Int

  @inlinable
  public init(base: UnsafeMutablePointer<Float>, count: Int) {
    self.base = base
    self.count = count
  }

  @inlinable
  public subscript(index: Int) -> Float {
    get {
      assert(index >= 0 && index < count)
      return base[index]
    }
    nonmutating set {
      assert(index >= 0 && index < count)
      base[index] = newValue
    }
  }

  /// The elements of `range` as a view of their own.
  @inlinable
  public func slice(_ range: Range<Int>) -> Vector {
    precondition(range.lowerBound >= 0 && range.upperBound <= count)
    return Vector(base: base + range.lowerBound, count: range.count)
  }

  /// The same floats seen as `[rows, columns]`, row-major; `rows * columns` must equal `count`.
  @inlinable
  public func matrix(rows: Int, columns: Int) -> Matrix {
    precondition(rows * columns == count, "\(rows) x \(columns) is not \(count) elements")
    return Matrix(base: base, rows: rows, columns: columns)
  }

  public func fill(_ value: Float) {
    base.update(repeating: value, count: count)
  }

  /// Copies all elements of `source`, which has the same count.
  public func copy(from source: Vector) {
    precondition(source.count == count)
    base.update(from: source.base, count: count)
  }

  /// Copies all elements of `source`, which has the same count.
  public func copy(from source: [Float]) {
    precondition(source.count == count)
    source.withUnsafeBufferPointer { base.update(from: $0.baseAddress!, count: count) }
  }

  public var array: [Float] {
    Array(UnsafeBufferPointer(start: base, count: count))
  }

  /// The elements' bytes in memory order (little-endian IEEE 754 on every supported host).
  public var bytes: UnsafeMutableRawBufferPointer {
    UnsafeMutableRawBufferPointer(start: base, count: count * MemoryLayout<Float>.stride)
  }
}

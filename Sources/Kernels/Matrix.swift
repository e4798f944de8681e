/// A view of `[rows, columns]` floats, row-major without gaps, that somebody else owns.
///
/// The view must not outlive its owner. Subscripts are checked in debug builds only.
@frozen
public struct Matrix {
  public let base: UnsafeMutablePointer<Float>
  public let rows: Int
  public let columns: Int

  @inlinable
  public init(base: UnsafeMutablePointer<Float>, rows: Int, columns: Int) {
    self.base = base
    self.rows = rows
    self.columns = columns
  }

  @inlinable
  public subscript(row: Int, column: Int) -> Float {
    get {
      assert(row >= 0 && row < rows && column >= 0 && column < columns)
      return base[row * columns + column]
    }
    nonmutating set {
      assert(row >= 0 && row < rows && column >= 0 && column < columns)
      base[row * columns + column] = newValue
    }
  }

  /// Row `index`, `[columns]`.
  @inlinable
  public func row(_ index: Int) -> Vector {
    assert(index >= 0 && index < rows)
    return Vector(base: base + index * columns, count: columns)
  }

  /// The rows of `range`, `[range.count, columns]`.
  @inlinable
  public func rows(_ range: Range<Int>) -> Matrix {
    precondition(range.lowerBound >= 0 && range.upperBound <= rows)
    return Matrix(base: base + range.lowerBound * columns, rows: range.count, columns: columns)
  }

  /// All elements in memory order, `[rows * columns]`.
  @inlinable
  public var elements: Vector { Vector(base: base, count: rows * columns) }
}

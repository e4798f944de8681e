// The one place for matrix products. Everything in the model that multiplies matrices calls one of
// the three `multiply`; `referenceMultiply` says what they must compute. Shapes that do not fit trap.

import COpenBLAS

/// `c = a b`, or `c += a b`: `[m, k]` times `[k, n]` gives `[m, n]`.
public func multiply(_ a: Matrix, _ b: Matrix, into c: Matrix, accumulate: Bool = false) {
  product(Factor(a), Factor(b), c, accumulate)
}

/// `c = a b^T`, or `c += a b^T`: `[m, k]` and `b` stored as `[n, k]` give `[m, n]`.
public func multiply(
  _ a: Matrix, transposing b: Matrix, into c: Matrix, accumulate: Bool = false
) {
  product(Factor(a), Factor(transposing: b), c, accumulate)
}

/// `c = a^T b`, or `c += a^T b`: `a` stored as `[k, m]` and `[k, n]` give `[m, n]`.
public func multiply(
  transposing a: Matrix, _ b: Matrix, into c: Matrix, accumulate: Bool = false
) {
  product(Factor(transposing: a), Factor(b), c, accumulate)
}

/// `c = a b`, or `c += a b`, in the plainest way, summed in `Double`: what the tests compare with.
public func referenceMultiply(_ a: Matrix, _ b: Matrix, into c: Matrix, accumulate: Bool = false) {
  precondition(a.columns == b.rows && c.rows == a.rows && c.columns == b.columns)
  for row in 0..<c.rows {
    for column in 0..<c.columns {
      var sum = accumulate ? Double(c[row, column]) : 0
      for inner in 0..<a.columns { sum += Double(a[row, inner]) * Double(b[inner, column]) }
      c[row, column] = Float(sum)
    }
  }
}

/// Sets how many threads of this process a matrix product may use.
public func setMatrixProductThreads(_ count: Int) {
  precondition(count >= 1)
  openblas_set_num_threads(Int32(count))
}

/// A matrix and whether it is taken transposed; rows and columns are those of the factor.
private struct Factor {
  let matrix: Matrix
  let isTransposed: Bool

  init(_ matrix: Matrix) { (self.matrix, isTransposed) = (matrix, false) }
  init(transposing matrix: Matrix) { (self.matrix, isTransposed) = (matrix, true) }

  var rows: Int { isTransposed ? matrix.columns : matrix.rows }
  var columns: Int { isTransposed ? matrix.rows : matrix.columns }
  var transposition: CBLAS_TRANSPOSE { isTransposed ? CblasTrans : CblasNoTrans }
  /// BLAS wants at least 1 even where there are no elements.
  var leadingDimension: blasint { blasint(max(1, matrix.columns)) }
}

private func product(_ a: Factor, _ b: Factor, _ c: Matrix, _ accumulate: Bool) {
  precondition(
    a.columns == b.rows && c.rows == a.rows && c.columns == b.columns,
    "[\(a.rows), \(a.columns)] x [\(b.rows), \(b.columns)] does not give [\(c.rows), \(c.columns)]")
  cblas_sgemm(
    CblasRowMajor, a.transposition, b.transposition,
    blasint(c.rows), blasint(c.columns), blasint(a.columns),
    1, a.matrix.base, a.leadingDimension, b.matrix.base, b.leadingDimension,
    accumulate ? 1 : 0, c.base, blasint(max(1, c.columns)))
}

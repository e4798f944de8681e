// Everything that calls OpenBLAS.

import COpenBLAS

/// Sets how many threads of this process OpenBLAS may use.
public func setOpenBLASThreads(_ count: Int) {
  precondition(count >= 1)
  openblas_set_num_threads(Int32(count))
}

/// The name by which OpenBLAS knows the kernels it has chosen for this processor.
public var openBLASCoreName: String { String(cString: openblas_get_corename()) }

/// A matrix and whether it is taken transposed; rows and columns are those of the factor.
struct Factor {
  let matrix: Matrix
  let isTransposed: Bool

  init(_ matrix: Matrix) { (self.matrix, isTransposed) = (matrix, false) }
  init(transposing matrix: Matrix) { (self.matrix, isTransposed) = (matrix, true) }

  var rows: Int { isTransposed ? matrix.columns : matrix.rows }
  var columns: Int { isTransposed ? matrix.rows : matrix.columns }
  fileprivate var transposition: CBLAS_TRANSPOSE { isTransposed ? CblasTrans : CblasNoTrans }
  /// BLAS wants at least 1 even where there are no elements.
  fileprivate var leadingDimension: blasint { blasint(max(1, matrix.columns)) }
}

/// `c = a b`, or `c += a b`.
func openBLASProduct(_ a: Factor, _ b: Factor, _ c: Matrix, accumulate: Bool) {
  precondition(
    a.columns == b.rows && c.rows == a.rows && c.columns == b.columns,
    "[\(a.rows), \(a.columns)] x [\(b.rows), \(b.columns)] does not give [\(c.rows), \(c.columns)]")
  cblas_sgemm(
    CblasRowMajor, a.transposition, b.transposition,
    blasint(c.rows), blasint(c.columns), blasint(a.columns),
    1, a.matrix.base, a.leadingDimension, b.matrix.base, b.leadingDimension,
    accumulate ? 1 : 0, c.base, blasint(max(1, c.columns)))
}

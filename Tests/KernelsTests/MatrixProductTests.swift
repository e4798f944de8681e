import Kernels
import TestSupport
import Testing

@Suite struct MatrixProductTests {
  /// Sizes that no vector width divides, and edges.
  static let shapes = [(1, 1, 1), (3, 5, 7), (17, 33, 9), (64, 48, 31), (2, 129, 65)]

  @Test(arguments: shapes, [false, true])
  func everyOrientationMeetsTheReference(shape: (Int, Int, Int), accumulate: Bool) {
    let (m, n, k) = shape
    var numbers = TestNumbers(UInt64(m * n * k))
    let buffer = FloatBuffer(count: 2 * m * k + 2 * k * n + 2 * m * n)
    var next = 0
    func matrix(_ rows: Int, _ columns: Int) -> Matrix {
      defer { next += rows * columns }
      return buffer.elements.slice(next..<next + rows * columns).matrix(rows: rows, columns: columns)
    }
    let (a, b, expected, found) = (matrix(m, k), matrix(k, n), matrix(m, n), matrix(m, n))
    let (aTransposed, bTransposed) = (matrix(k, m), matrix(n, k))
    numbers.fill(a.elements)
    numbers.fill(b.elements)
    for row in 0..<m { for inner in 0..<k { aTransposed[inner, row] = a[row, inner] } }
    for inner in 0..<k { for column in 0..<n { bTransposed[column, inner] = b[inner, column] } }

    expected.elements.fill(0.5)
    referenceMultiply(a, b, into: expected, accumulate: accumulate)
    let products: [(String, () -> Void)] = [
      ("a b", { multiply(a, b, into: found, accumulate: accumulate) }),
      ("a b^T", { multiply(a, transposing: bTransposed, into: found, accumulate: accumulate) }),
      ("a^T b", { multiply(transposing: aTransposed, b, into: found, accumulate: accumulate) }),
    ]
    for (name, product) in products {
      found.elements.fill(0.5)
      product()
      let error = relativeError(found.elements.array, expected.elements.array)
      #expect(error < 1e-5, "\(name) of \(shape)")
    }
  }
}

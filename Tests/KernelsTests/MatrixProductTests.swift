import Kernels
import TestSupport
import Testing

@Suite struct MatrixProductTests {
  /// Sizes that no vector width divides, edges, and every number of rows beside whole tiles.
  static let shapes =
    [(1, 1, 1), (3, 5, 7), (17, 33, 9), (64, 48, 31), (2, 129, 65), (9, 64, 40)]
    + (1...17).map { ($0, 70, 21) } + panelEdges.map { (11, $0, 13) }

  /// As many columns as fill a panel, two thirds of one or one third, and one more or less.
  static let panelEdges = [15, 16, 17, 31, 32, 33, 47, 49, 80, 96, 97, 112]

  @Test(arguments: shapes, ProductBackend.allCases)
  func rightFactorMeetsTheReference(shape: (Int, Int, Int), backend: ProductBackend) {
    let (m, n, k) = shape
    var numbers = TestNumbers(UInt64(m * n * k))
    let (a, b, expected, found) = (
      TestMatrix(m, k, &numbers), TestMatrix(k, n, &numbers), TestMatrix(m, n, &numbers),
      TestMatrix(m, n, &numbers)
    )
    let bias = TestMatrix(1, n, &numbers)
    let bTransposed = b.transposed
    for isTransposed in [false, true] {
      let factor = RightFactor(inner: k, columns: n, Compute(backend))
      if isTransposed { factor.prepare(transposing: bTransposed.matrix) } else { factor.prepare(b.matrix) }
      for start in ["zero", "bias", "accumulating"] {
        for row in 0..<m {
          for column in 0..<n {
            found.matrix[row, column] = 0.5
            expected.matrix[row, column] =
              switch start {
              case "bias": bias.matrix[0, column]
              case "accumulating": 0.5
              default: 0
              }
          }
        }
        referenceMultiply(a.matrix, b.matrix, into: expected.matrix, accumulate: true)
        let from: ProductStart =
          switch start {
          case "bias": .bias(bias.matrix.elements)
          case "accumulating": .accumulating
          default: .zero
          }
        factor.multiply(a.matrix, from: from, into: found.matrix)
        let error = relativeError(found.values, expected.values)
        #expect(error < 1e-5, "\(shape), transposed: \(isTransposed), from \(start)")
      }
    }
  }

  /// Each element is one chain of fused multiply-adds in the order of the terms: the bits can be foretold.
  @Test(arguments: [45] + panelEdges)
  func everyElementIsOneChainOfFusedProducts(columns n: Int) {
    let (m, k) = (13, 37)
    var numbers = TestNumbers(4)
    let (a, b, found) = (TestMatrix(m, k, &numbers), TestMatrix(k, n, &numbers), TestMatrix(m, n, &numbers))
    let factor = RightFactor(inner: k, columns: n, Compute(.simd))
    factor.prepare(b.matrix)
    factor.multiply(a.matrix, from: .zero, into: found.matrix)
    for row in 0..<m {
      for column in 0..<n {
        var sum: Float = 0
        for inner in 0..<k { sum = sum.addingProduct(a.matrix[row, inner], b.matrix[inner, column]) }
        #expect(found.matrix[row, column] == sum, "row \(row), column \(column)")
      }
    }
  }

  static let gradientShapes = [(1, 1), (7, 33), (8, 32), (20, 70), (41, 5)] + panelEdges.map { (17, $0) }

  @Test(arguments: gradientShapes, ProductBackend.allCases)
  func gradientProductMeetsTheReference(shape: (Int, Int), backend: ProductBackend) {
    let (m, n) = shape
    let (length, streams) = (3, 5)
    var numbers = TestNumbers(UInt64(m * n))
    let (a, b) = (TestMatrix(length * streams, m, &numbers), TestMatrix(length * streams, n, &numbers))
    let (expected, found) = (TestMatrix(m, n, &numbers), TestMatrix(m, n, &numbers))
    referenceMultiply(a.transposed.matrix, b.matrix, into: expected.matrix)
    for blocks in [[0..<5], [0..<2, 2..<5], [0..<1, 1..<2, 2..<2, 2..<4, 4..<5]] {
      let tree = SumTree(count: blocks.count)
      let product = GradientProduct(rows: length * streams, columns: m, depth: tree.depth, Compute(backend))
      product.take(
        a.matrix, RowBlocks(length: length, streams: streams, blocks: blocks, merges: tree.merges))
      product.multiply(b.matrix, into: found.matrix)
      #expect(relativeError(found.values, expected.values) < 1e-5, "\(shape) in \(blocks)")
      let sums = FloatBuffer(count: m)
      product.sumRows(into: sums.elements)
      for column in 0..<m {
        let exact = (0..<a.matrix.rows).reduce(0.0) { $0 + Double(a.matrix[$1, column]) }
        #expect(abs(Double(sums.elements[column]) - exact) < 1e-5)
      }
    }
  }

  /// What two halves of the blocks give, added, has the bits of the whole: the same for products and for sums of rows.
  @Test func halvesOfTheTreeAddUpToTheWhole() {
    let (m, n, length, streams) = (19, 37, 4, 8)
    var numbers = TestNumbers(8)
    let (a, b) = (TestMatrix(length * streams, m, &numbers), TestMatrix(length * streams, n, &numbers))
    let tree = SumTree(count: 8)
    func gradient(_ node: SumTree) -> (weight: [Float], bias: [Float]) {
      let product = GradientProduct(rows: length * streams, columns: m, depth: tree.depth, Compute(.simd))
      let blocks = node.blocks.map { $0..<$0 + 1 }
      product.take(
        a.matrix, RowBlocks(length: length, streams: streams, blocks: blocks, merges: node.merges))
      let weight = FloatBuffer(count: m * n)
      let bias = FloatBuffer(count: m)
      product.multiply(b.matrix, into: weight.elements.matrix(rows: m, columns: n))
      product.sumRows(into: bias.elements)
      return (weight.elements.array, bias.elements.array)
    }
    let (whole, left, right) = (gradient(tree), gradient(tree.halves.left), gradient(tree.halves.right))
    #expect(zip(left.weight, right.weight).map(+) == whole.weight)
    #expect(zip(left.bias, right.bias).map(+) == whole.bias)
  }
}

@Suite struct SumTreeTests {
  @Test(arguments: 1...17)
  func mergesAddEverythingOnceWithinItsDepth(count: Int) {
    let tree = SumTree(count: count)
    var stack: [String] = []
    for (block, merges) in tree.merges.enumerated() {
      stack.append("\(block)")
      #expect(stack.count <= tree.depth)
      for _ in 0..<merges {
        let right = stack.removeLast()
        stack[stack.count - 1] = "(\(stack.last!)+\(right))"
      }
    }
    #expect(stack == [written(tree)])
  }

  private func written(_ tree: SumTree) -> String {
    tree.isLeaf ? "\(tree.blocks.lowerBound)" : "(\(written(tree.halves.left))+\(written(tree.halves.right)))"
  }

  @Test func nodesCoverARangeWithTheLargestThereAre() {
    let tree = SumTree(count: 6)
    #expect(written(tree) == "((0+(1+2))+(3+(4+5)))")
    #expect(tree.nodes(covering: 0..<6).map(\.blocks) == [0..<6])
    #expect(tree.nodes(covering: 0..<2).map(\.blocks) == [0..<1, 1..<2])
    #expect(tree.nodes(covering: 2..<5).map(\.blocks) == [2..<3, 3..<4, 4..<5])
    #expect(tree.nodes(covering: 1..<4).map(\.blocks) == [1..<3, 3..<4])
  }
}

/// A matrix filled with numbers, whose memory lives as long as the process: no view can outlive it.
private struct TestMatrix {
  let matrix: Matrix

  init(_ rows: Int, _ columns: Int, _ numbers: inout TestNumbers) {
    let base = UnsafeMutablePointer<Float>.allocate(capacity: rows * columns)
    base.initialize(repeating: 0, count: rows * columns)
    matrix = Matrix(base: base, rows: rows, columns: columns)
    numbers.fill(matrix.elements)
  }

  var values: [Float] { matrix.elements.array }

  var transposed: TestMatrix {
    var numbers = TestNumbers(0)
    let result = TestMatrix(matrix.columns, matrix.rows, &numbers)
    for row in 0..<matrix.rows {
      for column in 0..<matrix.columns { result.matrix[column, row] = matrix[row, column] }
    }
    return result
  }
}

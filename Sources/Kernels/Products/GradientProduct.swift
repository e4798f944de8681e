/// Products `a^T b` over the rows of a window, summed block by block and the blocks along a tree: the gradients of weights.
///
/// One object serves all layers: ``take(_:_:)`` chooses the left factor, which is packed once and then may meet several right ones.
public final class GradientProduct {
  /// The rows of the left factor's transpose that lie together: those of a tile.
  fileprivate static var leftPanelRows: Int { LargestTile.rows }

  private let compute: Compute
  private var backend: ProductBackend { compute.backend }
  /// Packed: `[ceil(M / leftPanelRows), K, leftPanelRows]` and, one panel at a time, `[K, panelColumns]`; what lies beyond M and N is never
  /// used.
  private let leftPanels: FloatBuffer
  /// For each thread.
  private let rightPanels: FloatBuffer
  /// For each thread the open sums of a tile, `[depth + 1, leftPanelRows, panelColumns]`; the last is the whole tile at the edge of the
  /// result.
  private let stacks: FloatBuffer
  private let depth: Int
  private let zeros = FloatBuffer(count: panelColumns)
  private let sums: VectorStack

  /// The left factor at hand, and whether it is packed.
  private var left: Matrix?
  private var isLeftPacked = false
  private var rows: RowBlocks?

  /// - Parameters:
  ///   - rows: the most rows K that are summed over.
  ///   - columns: the most columns M of a left factor.
  ///   - depth: that of the ``SumTree``.
  ///   - compute: what multiplies, on which threads.
  public init(rows: Int, columns: Int, depth: Int, _ compute: Compute) {
    self.compute = compute
    self.depth = depth
    let isPacked = compute.backend == .simd
    let threads = compute.team.size
    leftPanels = FloatBuffer(count: isPacked ? rows * Self.leftPanelCount(columns) * Self.leftPanelRows : 0)
    rightPanels = FloatBuffer(count: isPacked ? threads * rows * panelColumns : 0)
    stacks = FloatBuffer(count: isPacked ? threads * (depth + 1) * Self.leftPanelRows * panelColumns : 0)
    sums = VectorStack(capacity: columns, depth: depth)
  }

  /// Takes `a` `[>= K, M]`, whose rows of `rows` are summed over, as the left factor. It must not change before the last product with it.
  public func take(_ a: Matrix, _ rows: RowBlocks) {
    left = a
    self.rows = rows
    isLeftPacked = false
  }

  private func packLeft(_ a: Matrix, _ rows: RowBlocks) {
    let count = rows.rowCount
    precondition(count * Self.leftPanelCount(a.columns) * Self.leftPanelRows <= leftPanels.count)
    let width = 4 * Self.leftPanelRows
    compute.team.share((a.columns + width - 1) / width) { groups, _ in
      for group in groups {
        packLeft(a, rows, count, columns: group * width..<min(a.columns, (group + 1) * width))
      }
    }
    isLeftPacked = true
  }

  /// Packs some columns, which begin with a panel: those of four panels where there are so many.
  private func packLeft(_ a: Matrix, _ rows: RowBlocks, _ count: Int, columns: Range<Int>) {
    let width = Self.leftPanelRows
    guard columns.count == 4 * width else {
      for column in columns {
        let panel = leftPanel(column / width, count) + column % width
        rows.forEachRow { number, row in panel[number * width] = a.base[row * a.columns + column] }
      }
      return
    }
    rows.forEachRow { number, row in
      let source = a.base + row * a.columns + columns.lowerBound
      for part in 0..<4 {
        let place = leftPanel(columns.lowerBound / width + part, count) + number * width
        place.update(from: source + part * width, count: width)
      }
    }
  }

  /// `result = a^T b` with the left factor `a` and `b` `[>= K, N]`: `[M, N]`.
  public func multiply(_ b: Matrix, into result: Matrix) {
    guard let left, let rows else { preconditionFailure("no left factor taken") }
    precondition(result.rows == left.columns && result.columns == b.columns)
    guard backend == .simd else {
      // One sum over all rows, in the library's order.
      let count = rows.rowCount
      precondition(count == rows.length * rows.streams)
      return openBLASProduct(
        Factor(transposing: left.rows(0..<count)), Factor(b.rows(0..<count)), result, accumulate: false)
    }
    if !isLeftPacked { packLeft(left, rows) }
    compute.team.share(panelCount(b.columns)) { panels, member in
      let right = rightPanels.elements.base + member * (rightPanels.count / compute.team.size)
      let stack = stacks.elements.base + member * (stacks.count / compute.team.size)
      let tiles = TileSums(rows, depth: depth, stack: stack, zeros: zeros.elements.base)
      for panel in panels {
        let first = panel * panelColumns
        let columns = min(panelColumns, b.columns - first)
        pack(b, first, columns, rows, into: right)
        for leftIndex in 0..<Self.leftPanelCount(left.columns) {
          let row = leftIndex * Self.leftPanelRows
          tiles.compute(
            left: leftPanel(leftIndex, rows.rowCount), right: right,
            rows: min(Self.leftPanelRows, left.columns - row), columns: columns,
            result: TileRows(result.base + row * result.columns + first, stride: result.columns))
        }
      }
    }
  }

  /// `result[m] = sum of a[., m]` with the left factor `a`: the gradient of a bias, `[M]`.
  public func sumRows(into result: Vector) {
    guard let left, let rows else { preconditionFailure("no left factor taken") }
    precondition(result.count == left.columns)
    sums.sum(merges: rows.merges, into: result) { block, partial in
      for t in 0..<rows.length {
        for stream in rows.blocks[block] { add(left.row(t * rows.streams + stream), to: partial) }
      }
    }
  }

  private static func leftPanelCount(_ columns: Int) -> Int { (columns + leftPanelRows - 1) / leftPanelRows }

  private func leftPanel(_ index: Int, _ rowCount: Int) -> UnsafeMutablePointer<Float> {
    leftPanels.elements.base + index * rowCount * Self.leftPanelRows
  }

  private func pack(
    _ b: Matrix, _ first: Int, _ columns: Int, _ rows: RowBlocks, into target: UnsafeMutablePointer<Float>
  ) {
    guard columns == panelColumns else {
      return rows.forEachRow { number, row in
        (target + number * panelColumns).update(from: b.base + row * b.columns + first, count: columns)
      }
    }
    rows.forEachRow { number, row in
      copyPanelRow(b.base + row * b.columns + first, to: target + number * panelColumns)
    }
  }
}

/// Computes `leftPanelRows` by `panelColumns` of a result from packed factors, block by block.
private struct TileSums {
  private let blocks: [Int]
  private let merges: [Int]
  private let depth: Int
  private let stack: UnsafeMutablePointer<Float>
  private let zeros: TileRows

  private static var rows: Int { GradientProduct.leftPanelRows }
  private static var size: Int { rows * panelColumns }

  init(_ rows: RowBlocks, depth: Int, stack: UnsafeMutablePointer<Float>, zeros: UnsafeMutablePointer<Float>)
  {
    blocks = rows.blocks.map { $0.count * rows.length }
    merges = rows.merges
    self.depth = depth
    self.stack = stack
    self.zeros = TileRows(zeros, stride: 0)
  }

  /// Writes `rows` and `columns` of the tile to `result`.
  func compute(
    left: UnsafeMutablePointer<Float>, right: UnsafeMutablePointer<Float>, rows: Int, columns: Int,
    result: TileRows
  ) {
    let isWhole = rows == Self.rows && columns.isMultiple(of: LaneTile.columns)
    let edge = TileRows(stack + depth * Self.size, stride: panelColumns)
    let target = isWhole ? result : edge
    #if CHARTRAIN_WIDE_TILES
      switch columns {
      case ...LaneTile.columns: computeParts(EightRows<LaneTile>.self, left, right, columns, target)
      case ...TwoLaneTile.columns: computeParts(EightRows<TwoLaneTile>.self, left, right, columns, target)
      default: computeParts(LargestTile.self, left, right, columns, target)
      }
    #else
      computeParts(LargestTile.self, left, right, columns, target)
    #endif
    if !isWhole { copyRows(edge, to: result, rows: rows, columns: columns) }
  }

  @inline(__always)
  private func computeParts<T: Tile>(
    _: T.Type, _ left: UnsafeMutablePointer<Float>, _ right: UnsafeMutablePointer<Float>, _ columns: Int,
    _ result: TileRows
  ) {
    for column in stride(from: 0, to: columns, by: T.columns) {
      computePart(T.self, left, right + column, result: result.from(column: column))
    }
  }

  @inline(__always)
  private func computePart<T: Tile>(
    _: T.Type, _ left: UnsafeMutablePointer<Float>, _ right: UnsafeMutablePointer<Float>, result: TileRows
  ) {
    var left = TileRows(left, stride: 1)
    var right = UnsafePointer(right)
    var height = 0
    for block in blocks.indices {
      var tile = T(zeros)
      for _ in 0..<blocks[block] {
        tile.addProducts(left, right)
        left = left.from(column: Self.rows)
        right += panelColumns
      }
      for _ in 0..<merges[block] {
        height -= 1
        tile.add(partial(height))
      }
      tile.store(block == blocks.count - 1 ? result : partial(height))
      height += 1
    }
  }

  @inline(__always)
  private func partial(_ height: Int) -> TileRows {
    TileRows(stack + height * Self.size, stride: panelColumns)
  }
}

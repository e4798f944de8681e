/// Memory for one prepared matrix at a time. What is prepared over and over in the same place stays in the processor's caches.
public final class PanelMemory {
  fileprivate let buffer: FloatBuffer

  /// - Parameters:
  ///   - sizes: of the matrices `[K, N]` that are to be put there, one after the other.
  ///   - compute: what multiplies with them.
  public init(_ sizes: [(inner: Int, columns: Int)], _ compute: Compute) {
    let largest = sizes.map { $0.inner * panelCount($0.columns) * panelColumns }.max() ?? 0
    buffer = FloatBuffer(count: compute.backend == .simd ? largest : 0)
  }
}

/// The right factor of many products: a weight matrix, prepared once and then used for every time step.
public final class RightFactor {
  /// K, the terms of each sum.
  public let inner: Int
  /// N, the columns of the result.
  public let columns: Int
  private let compute: Compute
  private var backend: ProductBackend { compute.backend }

  /// `[ceil(N / panelColumns), K, panelColumns]`, what is in the columns beyond N does not matter; unused with OpenBLAS.
  private let panels: PanelMemory
  /// A checksum over the bits of the matrix whose transpose was prepared last; 0 with OpenBLAS.
  public var checksum: UInt64 { panelBits.reduce(0) { $0 &* 31 &+ $1 } }
  /// Of each panel.
  private var panelBits: [UInt64]
  /// What was prepared last, where OpenBLAS is to read it.
  private var source: Factor?
  /// What the products start from that start from nothing, and a tile at the edge of the result.
  private let zeros = FloatBuffer(count: panelColumns)
  private let edge = FloatBuffer(count: Strip.edgeRows * panelColumns)
  /// One for each thread.
  private let transposers: [BlockTransposer]

  /// - Parameters:
  ///   - inner: K.
  ///   - columns: N.
  ///   - compute: what multiplies, on which threads.
  ///   - panels: where the prepared matrix is put, nil for memory of its own. Factors that share it must not be used after another was prepared.
  public init(inner: Int, columns: Int, _ compute: Compute, in panels: PanelMemory? = nil) {
    self.inner = inner
    self.columns = columns
    self.compute = compute
    panelBits = [UInt64](repeating: 0, count: panelCount(columns))
    transposers = (0..<compute.team.size).map { _ in BlockTransposer() }
    self.panels = panels ?? PanelMemory([(inner: inner, columns: columns)], compute)
  }

  /// Takes `matrix` `[K, N]`. It must not change between this and the last product.
  public func prepare(_ matrix: Matrix) {
    precondition(matrix.rows == inner && matrix.columns == columns)
    if backend == .openblas { source = Factor(matrix) } else { pack(matrix) }
  }

  /// Takes the transpose of `matrix` `[N, K]`. It must not change between this and the last product.
  public func prepare(transposing matrix: Matrix) {
    precondition(matrix.rows == columns && matrix.columns == inner)
    if backend == .openblas { source = Factor(transposing: matrix) } else { packTranspose(matrix) }
  }

  /// `result = start + a * this`, with `a` `[M, K]` and `result` `[M, N]`.
  public func multiply(_ a: Matrix, from start: ProductStart, into result: Matrix) {
    precondition(
      a.columns == inner && result.columns == columns && a.rows == result.rows,
      "[\(a.rows), \(a.columns)] x [\(inner), \(columns)] does not give [\(result.rows), \(result.columns)]")
    if case .bias(let row) = start { precondition(row.count == columns) }
    guard backend == .openblas else { return multiplyPanels(a, start, result) }
    if case .bias(let row) = start { for index in 0..<result.rows { result.row(index).copy(from: row) } }
    var accumulates = true
    if case .zero = start { accumulates = false }
    openBLASProduct(Factor(a), source!, result, accumulate: accumulates)
  }
}

// MARK: - Packing

/// The panels that `columns` columns take.
func panelCount(_ columns: Int) -> Int { (columns + panelColumns - 1) / panelColumns }

extension RightFactor {
  private func panel(_ index: Int) -> UnsafeMutablePointer<Float> {
    panels.buffer.elements.base + index * inner * panelColumns
  }

  private func pack(_ matrix: Matrix) {
    compute.team.share(panelCount(columns)) { panels, _ in
      for index in panels {
        let first = index * panelColumns
        let source = TileRows(matrix.base + first, stride: columns)
        copyRows(
          source, to: TileRows(panel(index), stride: panelColumns), rows: inner,
          columns: min(panelColumns, columns - first))
      }
    }
  }

  private func packTranspose(_ matrix: Matrix) {
    panelBits.withUnsafeMutableBufferPointer { panelBits in
      let bits = panelBits.baseAddress!
      compute.team.share(panelCount(columns)) { panels, member in
        for index in panels { bits[index] = packTranspose(matrix, panel: index, transposers[member]) }
      }
    }
  }

  /// Returns a checksum of what it packs.
  private func packTranspose(_ matrix: Matrix, panel index: Int, _ transposer: BlockTransposer) -> UInt64 {
    let side = BlockTransposer.side
    let source = TileRows(matrix.base, stride: inner)
    let target = TileRows(panel(index), stride: panelColumns)
    let firstColumn = index * panelColumns
    let lastColumn = min(columns, firstColumn + panelColumns)
    var bits = SIMD16<UInt32>.zero
    var bitsAtEdges: UInt32 = 0
    for column in stride(from: firstColumn, to: lastColumn, by: side) {
      for k in stride(from: 0, to: inner, by: side) {
        let block = source.from(row: column).from(column: k)
        let place = target.from(row: k).from(column: column - firstColumn)
        if column + side <= lastColumn, k + side <= inner {
          bits &+= transposer.transpose(block, to: place)
        } else {
          for row in 0..<min(side, lastColumn - column) {
            for offset in 0..<min(side, inner - k) {
              let element = block.from(row: row).base[offset]
              place.from(row: offset).base[row] = element
              bitsAtEdges &+= element.bitPattern
            }
          }
        }
      }
    }
    return (0..<Lanes.scalarCount).reduce(UInt64(bitsAtEdges)) { ($0 &* 31) &+ UInt64(bits[$1]) }
  }
}

// MARK: - Multiplying

extension RightFactor {
  private func multiplyPanels(_ a: Matrix, _ start: ProductStart, _ result: Matrix) {
    let left = TileRows(a.base, stride: a.columns)
    let target = TileRows(result.base, stride: columns)
    compute.team.share(panelCount(columns)) { panels, _ in
      for index in panels {
        let first = index * panelColumns
        let source =
          switch start {
          case .zero: TileRows(zeros.elements.base, stride: 0)
          case .bias(let row): TileRows(row.base + first, stride: 0)
          case .accumulating: target.from(column: first)
          }
        let strip = Strip(
          rows: a.rows, inner: inner, columns: min(panelColumns, columns - first), left: left,
          panel: panel(index), start: source, result: target.from(column: first))
        // Only the last panel has an edge, so that one thread alone needs the memory for it.
        if strip.columns.isMultiple(of: LaneTile.columns) {
          strip.compute()
        } else {
          strip.compute(through: edge.elements.base)
        }
      }
    }
  }
}

/// The part of a product that one panel gives: `[rows, columns]`, with `columns <= panelColumns`.
private struct Strip {
  let rows: Int
  let inner: Int
  let columns: Int
  let left: TileRows
  let panel: UnsafePointer<Float>
  let start: TileRows
  let result: TileRows

  /// Computes all rows and as many columns as whole tiles take.
  func compute() {
    #if CHARTRAIN_WIDE_TILES
      switch columns {
      case ...LaneTile.columns: sweep(LaneTile.self)
      case ...TwoLaneTile.columns: sweep(TwoLaneTile.self)
      default: sweep(PanelTile.self)
      }
    #else
      sweep(LaneTile.self)
    #endif
  }

  /// Shares the rows evenly among as few tiles as will do: small ones leave the processor waiting.
  private func sweep<Row: Tile>(_: Row.Type) {
    let tiles = (rows + LargestTile.rows - 1) / LargestTile.rows
    for tile in 0..<tiles {
      let part = rows * tile / tiles..<rows * (tile + 1) / tiles
      switch part.count {
      case 1: compute(Row.self, part, tile, of: tiles)
      case 2: compute(TwoRows<Row>.self, part, tile, of: tiles)
      case 3: compute(ThreeRows<Row>.self, part, tile, of: tiles)
      case 4: compute(FourRows<Row>.self, part, tile, of: tiles)
      #if CHARTRAIN_FUSED
        case 5: compute(FiveRows<Row>.self, part, tile, of: tiles)
        case 6: compute(SixRows<Row>.self, part, tile, of: tiles)
      #endif
      #if CHARTRAIN_WIDE_TILES
        case 7: compute(SevenRows<Row>.self, part, tile, of: tiles)
        case 8: compute(EightRows<Row>.self, part, tile, of: tiles)
      #endif
      default: preconditionFailure("no tile of \(part.count) rows")
      }
    }
  }

  /// As many as the largest tile has.
  static var edgeRows: Int { LargestTile.rows }

  /// The same for a panel that is not full, each group of rows by way of `edge` `[edgeRows, panelColumns]`.
  func compute(through edge: UnsafeMutablePointer<Float>) {
    let tile = TileRows(edge, stride: panelColumns)
    for row in stride(from: 0, to: rows, by: Self.edgeRows) {
      let count = min(Self.edgeRows, rows - row)
      copyRows(start.from(row: row), to: tile, rows: count, columns: columns)
      Strip(
        rows: count, inner: inner, columns: columns, left: left.from(row: row), panel: panel,
        start: tile,
        result: tile
      ).compute()
      copyRows(tile, to: result.from(row: row), rows: count, columns: columns)
    }
  }

  /// Computes a group of rows, the one with the number `tile`.
  @inline(__always)
  private func compute<T: Tile>(_: T.Type, _ group: Range<Int>, _ tile: Int, of tiles: Int) {
    let row = group.lowerBound
    // The next panel is brought nearer a part with each tile.
    let aheadStep = (panelColumns + tiles - 1) / tiles
    let ahead = panel + inner &* (panelColumns &+ aheadStep &* tile)
    for column in stride(from: 0, to: columns, by: T.columns) {
      computeTile(
        T.self, start: start.from(row: row).from(column: column), left: left.from(row: row),
        panel: panel + column, count: inner, ahead: ahead, aheadStep: aheadStep,
        result: result.from(row: row).from(column: column))
    }
  }
}

/// Copies `[rows, columns]`; whole panels without a call for each row.
func copyRows(_ source: TileRows, to target: TileRows, rows: Int, columns: Int) {
  guard columns == panelColumns else {
    for row in 0..<rows {
      target.from(row: row).base.update(from: source.from(row: row).base, count: columns)
    }
    return
  }
  for row in 0..<rows { copyPanelRow(source.from(row: row).base, to: target.from(row: row).base) }
}

/// Copies `panelColumns` floats.
@inline(__always)
func copyPanelRow(_ source: UnsafePointer<Float>, to target: UnsafeMutablePointer<Float>) {
  for offset in stride(from: 0, to: panelColumns, by: Lanes.scalarCount) {
    storeLanes(loadLanes(source + offset), target + offset)
  }
}

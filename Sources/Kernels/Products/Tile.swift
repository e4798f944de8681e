// The inner loop of every product: a tile of the result stays in registers while the sum runs.

/// The columns of one panel of a packed factor, whatever the width of a tile.
let panelColumns = 32

/// Rows of floats, `stride` apart; a stride of 0 is the same row over and over.
struct TileRows {
  let base: UnsafeMutablePointer<Float>
  let stride: Int

  @inline(__always)
  init(_ base: UnsafeMutablePointer<Float>, stride: Int) {
    self.base = base
    self.stride = stride
  }

  /// These rows from `row` on.
  @inline(__always)
  func from(row: Int) -> TileRows { TileRows(base + row &* stride, stride: stride) }

  /// These rows from `column` on.
  @inline(__always)
  func from(column: Int) -> TileRows { TileRows(base + column, stride: stride) }
}

/// Some rows of a result, ``TileRow/columns`` wide, held in registers.
///
/// Every element starts from what it is given and adds one product after the other, each fused with its addition. So its bits
/// depend neither on the shape of the tile nor on the width of the processor's registers.
protocol Tile {
  static var rows: Int { get }
  static var columns: Int { get }
  init(_ start: TileRows)
  /// Adds to row `i` the factor `left.base[i * left.stride]` times one row of a panel.
  mutating func addProducts(_ left: TileRows, _ right: PanelRow)
  /// Adds what was stored.
  mutating func add(_ other: TileRows)
  func store(_ result: TileRows)
}

/// As many columns as the registers of the target take, so that eight rows of them (four, where registers are few or narrow) and
/// a row of the panel stay in registers: measured 117 GFLOP/s with AVX-512 on a core whose largest OpenBLAS product makes 107,
/// and 105 with AVX2.
#if CHARTRAIN_WIDE_TILES
  struct PanelRow {
    let left: Lanes
    let right: Lanes

    @inline(__always)
    init(_ source: UnsafePointer<Float>) {
      left = loadLanes(source)
      right = loadLanes(source + Lanes.scalarCount)
    }
  }

  struct TileRow: Tile {
    static var rows: Int { 1 }
    static var columns: Int { 2 * Lanes.scalarCount }
    private var left: Lanes
    private var right: Lanes

    @inline(__always)
    init(_ start: TileRows) {
      left = loadLanes(start.base)
      right = loadLanes(start.base + Lanes.scalarCount)
    }

    @inline(__always)
    mutating func addProducts(_ factor: TileRows, _ panel: PanelRow) {
      let factor = Lanes(repeating: factor.base.pointee)
      left = multiplyAdd(factor, panel.left, left)
      right = multiplyAdd(factor, panel.right, right)
    }

    @inline(__always)
    mutating func add(_ other: TileRows) {
      left += loadLanes(other.base)
      right += loadLanes(other.base + Lanes.scalarCount)
    }

    @inline(__always)
    func store(_ result: TileRows) {
      storeLanes(left, result.base)
      storeLanes(right, result.base + Lanes.scalarCount)
    }
  }

  typealias LargestTile = TwoTiles<TwoTiles<TwoTiles<TileRow>>>
  typealias LargestHalfTile = TwoTiles<TwoTiles<TwoTiles<HalfTileRow>>>
#else
  struct PanelRow {
    let left: Lanes

    @inline(__always)
    init(_ source: UnsafePointer<Float>) { left = loadLanes(source) }
  }

  typealias TileRow = HalfTileRow
  typealias LargestTile = TwoTiles<TwoTiles<TileRow>>
  typealias LargestHalfTile = LargestTile
#endif

/// Half a panel wide: for panels of which at most half is used, and wherever registers take no more.
struct HalfTileRow: Tile {
  static var rows: Int { 1 }
  static var columns: Int { Lanes.scalarCount }
  private var lanes: Lanes

  @inline(__always)
  init(_ start: TileRows) { lanes = loadLanes(start.base) }

  @inline(__always)
  mutating func addProducts(_ factor: TileRows, _ panel: PanelRow) {
    lanes = multiplyAdd(Lanes(repeating: factor.base.pointee), panel.left, lanes)
  }

  @inline(__always)
  mutating func add(_ other: TileRows) { lanes += loadLanes(other.base) }

  @inline(__always)
  func store(_ result: TileRows) { storeLanes(lanes, result.base) }
}

/// A tile on top of another of its kind.
struct TwoTiles<Half: Tile>: Tile {
  static var rows: Int { 2 * Half.rows }
  static var columns: Int { Half.columns }
  private var upper: Half
  private var lower: Half

  @inline(__always)
  init(_ start: TileRows) {
    upper = Half(start)
    lower = Half(start.from(row: Half.rows))
  }

  @inline(__always)
  mutating func addProducts(_ left: TileRows, _ right: PanelRow) {
    upper.addProducts(left, right)
    lower.addProducts(left.from(row: Half.rows), right)
  }

  @inline(__always)
  mutating func add(_ other: TileRows) {
    upper.add(other)
    lower.add(other.from(row: Half.rows))
  }

  @inline(__always)
  func store(_ result: TileRows) {
    upper.store(result)
    lower.store(result.from(row: Half.rows))
  }
}

/// One tile: `result = start + sum over k of left[., k] * panel[k, .]`, for `count` values of `k`.
///
/// - Parameters:
///   - left: the factors of `k = 0`; those of the next stand beside them.
///   - panel: `[count, panelColumns]`, from the tile's first column on.
@inline(__always)
func computeTile<T: Tile>(
  _: T.Type, start: TileRows, left: TileRows, panel: UnsafePointer<Float>, count: Int,
  result: TileRows
) {
  var tile = T(start)
  var left = left
  var panel = panel
  for _ in 0..<count {
    tile.addProducts(left, PanelRow(panel))
    left = left.from(column: 1)
    panel += panelColumns
  }
  tile.store(result)
}

@inline(__always)
func loadLanes(_ source: UnsafePointer<Float>) -> Lanes {
  UnsafeRawPointer(source).loadUnaligned(as: Lanes.self)
}

@inline(__always)
func storeLanes(_ lanes: Lanes, _ target: UnsafeMutablePointer<Float>) {
  UnsafeMutableRawPointer(target).storeBytes(of: lanes, as: Lanes.self)
}

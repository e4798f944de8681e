// The inner loop of every product: a tile of the result stays in registers while the sum runs.

import CProcessor

/// The columns of one panel of a packed factor. With registers of sixteen lanes, eight rows of a result so wide are 24 registers, a row of the
/// panel three more: as much as a processor with 32 of them holds, and the fewest loads for each multiplication. Where registers are few or
/// narrow, tiles are narrower.
let panelColumns = 48

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

/// Some rows and columns of a result, held in registers.
///
/// Every element starts from what it is given and adds one product after the other, each fused with its addition. So its bits
/// depend neither on the shape of the tile nor on the width of the processor's registers.
protocol Tile {
  static var rows: Int { get }
  static var columns: Int { get }
  init(_ start: TileRows)
  /// Adds to row `i` the factor `left.base[i * left.stride]` times one row of a panel.
  ///
  /// Tiles of one row or of the same columns read the same; the compiler reads it once.
  mutating func addProducts(_ left: TileRows, _ panel: UnsafePointer<Float>)
  /// Adds what was stored.
  mutating func add(_ other: TileRows)
  func store(_ result: TileRows)
}

/// One row, sixteen columns.
struct LaneTile: Tile {
  static var rows: Int { 1 }
  static var columns: Int { Lanes.scalarCount }
  private var lanes: Lanes

  @inline(__always)
  init(_ start: TileRows) { lanes = loadLanes(start.base) }

  @inline(__always)
  mutating func addProducts(_ left: TileRows, _ panel: UnsafePointer<Float>) {
    lanes = multiplyAdd(Lanes(repeating: left.base.pointee), loadLanes(panel), lanes)
  }

  @inline(__always)
  mutating func add(_ other: TileRows) { lanes += loadLanes(other.base) }

  @inline(__always)
  func store(_ result: TileRows) { storeLanes(lanes, result.base) }
}

/// A tile beside another of as many rows.
struct TilesBeside<Left: Tile, Right: Tile>: Tile {
  static var rows: Int { Left.rows }
  static var columns: Int { Left.columns + Right.columns }
  private var left: Left
  private var right: Right

  @inline(__always)
  init(_ start: TileRows) {
    left = Left(start)
    right = Right(start.from(column: Left.columns))
  }

  @inline(__always)
  mutating func addProducts(_ factor: TileRows, _ panel: UnsafePointer<Float>) {
    left.addProducts(factor, panel)
    right.addProducts(factor, panel + Left.columns)
  }

  @inline(__always)
  mutating func add(_ other: TileRows) {
    left.add(other)
    right.add(other.from(column: Left.columns))
  }

  @inline(__always)
  func store(_ result: TileRows) {
    left.store(result)
    right.store(result.from(column: Left.columns))
  }
}

/// A row of two thirds of a panel, and of a whole one.
typealias TwoLaneTile = TilesBeside<LaneTile, LaneTile>
typealias PanelTile = TilesBeside<LaneTile, TwoLaneTile>

typealias TwoRows<Row: Tile> = TilesStacked<Row, Row>
typealias ThreeRows<Row: Tile> = TilesStacked<TwoRows<Row>, Row>
typealias FourRows<Row: Tile> = TilesStacked<TwoRows<Row>, TwoRows<Row>>
typealias FiveRows<Row: Tile> = TilesStacked<FourRows<Row>, Row>
typealias SixRows<Row: Tile> = TilesStacked<FourRows<Row>, TwoRows<Row>>
typealias SevenRows<Row: Tile> = TilesStacked<FourRows<Row>, ThreeRows<Row>>
typealias EightRows<Row: Tile> = TilesStacked<FourRows<Row>, FourRows<Row>>

/// The largest tile that registers hold: 24 of 32 with sixteen lanes, 12 of 16 with eight. The sums of one step are then more than a processor
/// has under way, so that none waits for the one before it.
#if CHARTRAIN_WIDE_TILES
  typealias LargestTile = EightRows<PanelTile>
#elseif CHARTRAIN_FUSED
  typealias LargestTile = SixRows<LaneTile>
#else
  typealias LargestTile = FourRows<LaneTile>
#endif

/// A tile on top of another of its columns.
struct TilesStacked<Upper: Tile, Lower: Tile>: Tile {
  static var rows: Int { Upper.rows + Lower.rows }
  static var columns: Int { Upper.columns }
  private var upper: Upper
  private var lower: Lower

  @inline(__always)
  init(_ start: TileRows) {
    upper = Upper(start)
    lower = Lower(start.from(row: Upper.rows))
  }

  @inline(__always)
  mutating func addProducts(_ left: TileRows, _ panel: UnsafePointer<Float>) {
    upper.addProducts(left, panel)
    lower.addProducts(left.from(row: Upper.rows), panel)
  }

  @inline(__always)
  mutating func add(_ other: TileRows) {
    upper.add(other)
    lower.add(other.from(row: Upper.rows))
  }

  @inline(__always)
  func store(_ result: TileRows) {
    upper.store(result)
    lower.store(result.from(row: Upper.rows))
  }
}

/// One tile: `result = start + sum over k of left[., k] * panel[k, .]`, for `count` values of `k`.
///
/// - Parameters:
///   - left: the factors of `k = 0`; those of the next stand beside them.
///   - panel: `[count, panelColumns]`, from the tile's first column on.
///   - ahead: what will be needed later, to be brought nearer meanwhile: as many times `aheadStep` floats.
@inline(__always)
func computeTile<T: Tile>(
  _: T.Type, start: TileRows, left: TileRows, panel: UnsafePointer<Float>, count: Int,
  ahead: UnsafePointer<Float>, aheadStep: Int, result: TileRows
) {
  var tile = T(start)
  var ahead = ahead
  var left = left
  var panel = panel
  for _ in 0..<count {
    tile.addProducts(left, panel)
    left = left.from(column: 1)
    panel += panelColumns
    cprocessor_prefetch(ahead)
    ahead += aheadStep
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

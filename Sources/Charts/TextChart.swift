/// A line drawn with the dots of Braille characters, for a terminal.
public struct TextChart: Sendable {
  /// Of the drawing, without what stands beside it, in characters.
  public var width: Int
  public var height: Int
  public var points: [(x: Double, y: Double)]

  public init(width: Int, height: Int, points: [(x: Double, y: Double)]) {
    self.width = max(1, width)
    self.height = max(2, height)
    self.points = points
  }

  /// The rows of the drawing from the top: the highest and the lowest value stand before the first and the last.
  ///
  /// - Parameter label: of a value of y.
  public func rows(_ label: (Double) -> String) -> [String] {
    let shown = points.filter { $0.x.isFinite && $0.y.isFinite }
    guard let first = shown.first else { return [] }
    let x = shown.reduce(first.x...first.x) { min($0.lowerBound, $1.x)...max($0.upperBound, $1.x) }
    let y = shown.reduce(first.y...first.y) { min($0.lowerBound, $1.y)...max($0.upperBound, $1.y) }
    var cells = [[UInt8]](repeating: [UInt8](repeating: 0, count: width), count: height)
    func place(_ value: Double, _ range: ClosedRange<Double>, _ count: Int) -> Int {
      let extent = range.upperBound - range.lowerBound
      return extent > 0 ? Int(((value - range.lowerBound) / extent * Double(count - 1)).rounded()) : 0
    }
    for point in shown {
      // Two dots wide and four high is a character.
      let (column, row) = (place(point.x, x, 2 * width), 4 * height - 1 - place(point.y, y, 4 * height))
      cells[row / 4][column / 2] |= Self.dots[row % 4][column % 2]
    }
    let labels = [label(y.upperBound), label(y.lowerBound)]
    let margin = labels.map(\.count).max()!
    return cells.enumerated().map { index, cells in
      let label = index == 0 ? labels[0] : index == height - 1 ? labels[1] : ""
      let drawing = cells.map { Character(Unicode.Scalar(0x2800 + UInt32($0))!) }
      return String(repeating: " ", count: margin - label.count) + label + " " + String(drawing)
    }
  }

  /// The bit of each dot, by row and column.
  private static let dots: [[UInt8]] = [[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]]
}

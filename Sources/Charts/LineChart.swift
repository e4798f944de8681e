import Glibc

/// A chart of lines over common axes, drawn as SVG that needs nothing else.
public struct LineChart: Sendable {
  public struct Line: Sendable {
    public let name: String
    public let points: [(x: Double, y: Double)]

    public init(name: String, points: [(x: Double, y: Double)]) {
      self.name = name
      self.points = points
    }
  }

  public enum Scale: Sendable {
    case linear
    case logarithmic
  }

  public var title: String
  public var xLabel: String
  public var yLabel: String
  public var xScale: Scale
  /// On a logarithmic axis, values of less than a 10,000th of the highest are drawn at its foot.
  public var yScale: Scale
  public var lines: [Line]
  /// Values of x to mark, with a name each.
  public var marks: [(name: String, x: Double)]

  public init(
    title: String, xLabel: String, yLabel: String, xScale: Scale = .linear, yScale: Scale = .linear,
    lines: [Line],
    marks: [(name: String, x: Double)] = []
  ) {
    self.title = title
    self.xLabel = xLabel
    self.yLabel = yLabel
    self.xScale = xScale
    self.yScale = yScale
    self.lines = lines
    self.marks = marks
  }

  private static let (width, height) = (760.0, 440.0)
  private static let (left, right, top, bottom) = (70.0, 20.0, 44.0, 56.0)
  /// Distinct also to most who are colour-blind: Okabe and Ito, 2008.
  private static let colours = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#000000"]

  /// The picture. Points that are not finite (or beyond 1e300), or not positive on a logarithmic axis, are left out.
  public var svg: String {
    let shown = lines.map { line in
      Line(name: line.name, points: Self.thinned(line.points.filter(isShown)))
    }
    let all = shown.flatMap(\.points)
    let x = Axis(all.map(\.x), scale: xScale)
    let y = Axis(raised(all.map(\.y)), scale: yScale)
    let plot = (
      x: { (value: Double) in Self.left + x.part(value) * (Self.width - Self.left - Self.right) },
      y: { (value: Double) in
        Self.height - Self.bottom - max(0, y.part(value)) * (Self.height - Self.top - Self.bottom)
      }
    )
    var parts = [
      #"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 \#(number(Self.width)) \#(number(Self.height))" font-family="sans-serif" font-size="12">"#,
      #"<rect width="100%" height="100%" fill="white"/>"#,
      text(title, Self.width / 2, 22, anchor: "middle", size: 15),
      text(xLabel, (Self.left + Self.width - Self.right) / 2, Self.height - 14, anchor: "middle"),
      #"<g transform="translate(18 \#(number((Self.top + Self.height - Self.bottom) / 2))) rotate(-90)">\#(text(yLabel, 0, 0, anchor: "middle"))</g>"#,
    ]
    for tick in x.ticks {
      let at = plot.x(tick)
      parts.append(stroke(at, Self.top, at, Self.height - Self.bottom, "#dddddd"))
      parts.append(text(label(tick), at, Self.height - Self.bottom + 18, anchor: "middle"))
    }
    for tick in y.ticks {
      let at = plot.y(tick)
      parts.append(stroke(Self.left, at, Self.width - Self.right, at, "#dddddd"))
      parts.append(text(label(tick), Self.left - 8, at + 4, anchor: "end"))
    }
    for mark in marks where x.contains(mark.x) {
      let at = plot.x(mark.x)
      parts.append(stroke(at, Self.top, at, Self.height - Self.bottom, "#555555", dashed: true))
      parts.append(text(mark.name, at + 4, Self.top + 12))
    }
    for (index, line) in shown.enumerated() {
      let colour = Self.colours[index % Self.colours.count]
      let points = line.points.map { "\(number(plot.x($0.x))),\(number(plot.y($0.y)))" }
      parts.append(
        #"<polyline fill="none" stroke="\#(colour)" stroke-width="1.6" points="\#(points.joined(separator: " "))"/>"#
      )
      guard lines.count > 1 else { continue }
      let row = Self.top + 16 + 17 * Double(index)
      parts.append(stroke(Self.width - 190, row - 4, Self.width - 168, row - 4, colour))
      parts.append(text(line.name, Self.width - 162, row))
    }
    return parts.joined(separator: "\n") + "\n</svg>\n"
  }

  /// The ends of a line and, of every so many points, the lowest and the highest: no more than the picture can show, and no peak is lost.
  private static func thinned(_ points: [(x: Double, y: Double)]) -> [(x: Double, y: Double)] {
    let every = 2 * ((points.count + maximumPoints - 1) / maximumPoints)
    guard every > 2 else { return points }
    let kept = stride(from: 0, to: points.count, by: every).flatMap { start -> Set<Int> in
      let group = start..<min(start + every, points.count)
      return [group.min { points[$0].y < points[$1].y }!, group.max { points[$0].y < points[$1].y }!]
    }
    return Set(kept + [0, points.count - 1]).sorted().map { points[$0] }
  }

  private static let maximumPoints = 1_000
  /// Beyond it differences would not be finite.
  private static let largestShown = 1e300

  private func isShown(_ point: (x: Double, y: Double)) -> Bool {
    abs(point.x) < Self.largestShown && abs(point.y) < Self.largestShown && (xScale == .linear || point.x > 0)
      && (yScale == .linear || point.y > 0)
  }

  /// `values` of y, those far below the highest raised to where a logarithmic axis begins.
  private func raised(_ values: [Double]) -> [Double] {
    guard yScale == .logarithmic, let highest = values.max() else { return values }
    return values.map { max($0, highest / Self.largestRatio) }
  }

  /// Of the values on a logarithmic axis of y.
  private static let largestRatio = 1e4

  private func stroke(
    _ x1: Double, _ y1: Double, _ x2: Double, _ y2: Double, _ colour: String, dashed: Bool = false
  ) -> String {
    let dashes = dashed ? #" stroke-dasharray="4 3""# : ""
    return
      #"<line x1="\#(number(x1))" y1="\#(number(y1))" x2="\#(number(x2))" y2="\#(number(y2))" stroke="\#(colour)"\#(dashes)/>"#
  }

  private func text(
    _ text: String, _ x: Double, _ y: Double, anchor: String = "start", size: Int = 12
  ) -> String {
    return
      #"<text x="\#(number(x))" y="\#(number(y))" text-anchor="\#(anchor)" font-size="\#(size)">\#(text.escapedForMarkup)</text>"#
  }

  /// With at most two digits after the point.
  private func number(_ value: Double) -> String {
    let rounded = (value * 100).rounded() / 100
    return rounded == rounded.rounded() ? "\(Int(rounded))" : "\(rounded)"
  }

  private func label(_ tick: Double) -> String {
    let magnitude = abs(tick)
    if tick == 0 { return "0" }
    if magnitude >= 1e5 || magnitude < 1e-3 {
      let exponent = floor(log10(magnitude) + 1e-9)
      return "\(number(tick / pow(10, exponent)))e\(Int(exponent))"
    }
    let rounded = (tick * 1e6).rounded() / 1e6
    return rounded == rounded.rounded() ? "\(Int(rounded))" : "\(rounded)"
  }
}

/// The range of one axis and its ticks.
private struct Axis {
  private let low: Double
  private let high: Double
  private let scale: LineChart.Scale
  let ticks: [Double]

  init(_ values: [Double], scale: LineChart.Scale) {
    self.scale = scale
    // An axis without values still has a range.
    let smallest = values.min() ?? 1
    let largest = values.max() ?? 10
    switch scale {
    case .logarithmic:
      let exponents = Int(floor(log10(smallest)))...Int(ceil(log10(largest)))
      low = pow(10, Double(exponents.lowerBound))
      high = pow(10, Double(max(exponents.upperBound, exponents.lowerBound + 1)))
      ticks = exponents.map { pow(10, Double($0)) }
    case .linear:
      let extent = largest > smallest ? largest - smallest : max(abs(largest), 1e-6)
      let step = Self.niceStep(extent / 6)
      low = floor(smallest / step) * step
      high = max(ceil(largest / step) * step, low + step)
      let (low, count) = (low, Int(((high - low) / step).rounded()))
      ticks = (0...count).map { low + Double($0) * step }
    }
  }

  func contains(_ value: Double) -> Bool { value >= low && value <= high }

  /// Where `value` is between the ends, from 0 to 1.
  func part(_ value: Double) -> Double {
    switch scale {
    case .linear: (value - low) / (high - low)
    case .logarithmic: log(value / low) / log(high / low)
    }
  }

  /// The least of 1, 2, 5, 10, ... times a power of ten that is at least `least`.
  private static func niceStep(_ least: Double) -> Double {
    guard least > 0 else { return 1 }
    let power = pow(10, floor(log10(least)))
    return [1, 2, 5, 10].map { $0 * power }.first { $0 >= least * 0.999_999 }!
  }
}

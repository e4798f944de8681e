import Charts
import Testing

@Suite struct LineChartTests {
  private func chart(_ points: [(x: Double, y: Double)], _ scale: LineChart.Scale = .linear) -> String {
    LineChart(
      title: "a < b & c", xLabel: "x", yLabel: "y", xScale: scale, lines: [.init(name: "l", points: points)]
    )
    .svg
  }

  /// The coordinates of the only line.
  private func coordinates(_ svg: String) -> [[Double]] {
    let list = svg.split(separator: #"points=""#)[1].prefix { $0 != "\"" }
    return list.split(separator: " ").map { $0.split(separator: ",").map { Double($0)! } }
  }

  @Test func pointsAreWhereTheyBelong() {
    let at = coordinates(chart([(0, 0), (5, 10), (10, 5)]))
    // Left to right at even steps; the largest value highest.
    #expect(at[1][0] - at[0][0] == at[2][0] - at[1][0] && at[1][0] > at[0][0])
    #expect(at[1][1] < at[2][1] && at[2][1] < at[0][1])
  }

  @Test func logarithmicAxesGoByFactors() {
    let at = coordinates(chart([(0.001, 1), (0.01, 2), (0.1, 3)], .logarithmic))
    #expect(abs((at[1][0] - at[0][0]) - (at[2][0] - at[1][0])) < 0.02)
  }

  @Test func logarithmicValuesGoByFactorsToAFoot() {
    let chart = LineChart(
      title: "", xLabel: "x", yLabel: "y", yScale: .logarithmic,
      lines: [.init(name: "l", points: [(0, 1), (1, 0.1), (2, 0.01), (3, 1e-4), (4, 1e-9), (5, 0), (6, -1)])])
    let at = coordinates(chart.svg)
    #expect(at.count == 5, "what is not positive is left out")
    #expect(abs((at[1][1] - at[0][1]) - (at[2][1] - at[1][1])) < 0.02)
    #expect(at[3][1] == at[4][1], "far below the highest is at the foot")
    #expect(["1", "0.1", "0.01", "0.001", "1e-4"].allSatisfy { chart.svg.contains(">\($0)</text>") })
    #expect(!chart.svg.contains("1e-5"))
  }

  @Test func whatCannotBeDrawnIsLeftOut() {
    #expect(coordinates(chart([(1, 1), (2, .nan), (3, .infinity), (4, 2)])).count == 2)
    #expect(coordinates(chart([(0, 1), (-1, 1), (1, 2), (10, 3)], .logarithmic)).count == 2)
    #expect(chart([]).hasSuffix("</svg>\n") && chart([], .logarithmic).hasSuffix("</svg>\n"))
  }

  @Test func longLinesAreThinnedButKeepTheirEnds() {
    let at = coordinates(chart((0...5_000).map { (Double($0), 1) }))
    let ends = coordinates(chart([(0, 1), (5_000, 1)]))
    #expect(at.count < 1_100 && at.first == ends.first && at.last == ends.last)
    // One peak among thousands stays.
    let peak = coordinates(chart((0...5_000).map { (Double($0), $0 == 3_141 ? 2 : 1) }))
    #expect(peak.count < 1_100 && Set(peak.map { $0[1] }).count == 2)
  }

  @Test func namesAreEscaped() {
    #expect(chart([(1, 1)]).contains("a &lt; b &amp; c"))
  }
}

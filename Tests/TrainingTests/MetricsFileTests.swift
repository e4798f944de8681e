import Foundation
import TestSupport
import Testing
import Training

/// `metrics.jsonl` read back while a run writes it.
@Suite struct MetricsFileTests {
  private let directory = TemporaryDirectory()
  private let rewind =
    #"{"epoch":1,"fromStep":4,"kind":"rewind","rateFactor":0.5,"step":2}"# + "\n"

  private func step(_ number: Int, loss: Double = 1) -> String {
    #"{"charactersPerSecond":1,"epoch":1,"gradientNorm":1,"kind":"step","learningRate":0.1,"loss":\#(loss),"skipped":false,"step":\#(number),"windowLength":8}"#
      + "\n"
  }

  private func write(_ lines: [String]) { directory.write("metrics.jsonl", lines.joined()) }

  @Test func whatIsAddedIsRead() throws {
    write([step(1), step(2), String(step(3).dropLast(5))])
    var metrics = try MetricsFile(directory: directory.path)
    #expect(metrics.steps.map(\.step) == [1, 2], "a line without an end was read")
    write([step(1), step(2), step(3), step(4)])
    try metrics.update()
    #expect(metrics.steps.map(\.step) == [1, 2, 3, 4])
  }

  /// The file is shorter then, or as long with other lines, or longer.
  @Test(arguments: [2, 4, 9])
  func aRunThatHasGoneBackHasNotWhatItGaveUp(last: Int) throws {
    write((1...4).map { step($0) })
    var metrics = try MetricsFile(directory: directory.path)
    write([step(1), step(2), rewind] + (3..<max(4, last + 1)).map { step($0, loss: 0.25) })
    try metrics.update()
    #expect(metrics.steps.map(\.step) == Array(1..<max(4, last + 1)))
    #expect(metrics.steps.dropFirst(2).allSatisfy { $0.loss == 0.25 })
    #expect(metrics.rewinds.count == 1)
  }

  /// Nobody could add these up, or show them.
  @Test(arguments: [
    (#""step":2"#, #""step":-9223372036854775808"#), (#""epoch":1"#, #""epoch":9223372036854775807"#),
    (#""charactersPerSecond":1"#, #""charactersPerSecond":1e300"#),
  ])
  func numbersThatNoRunWritesAreRefused(good: String, bad: String) throws {
    write([step(1), step(2).replacingOccurrences(of: good, with: bad)])
    #expect { try MetricsFile(directory: directory.path) } throws: { ($0 as? MetricsError)?.line == 2 }
  }

  @Test func aLineThatIsNoneIsNamed() {
    write([step(1), "{}\n"])
    #expect { try MetricsFile(directory: directory.path) } throws: { "\($0)".contains("line 2") }
  }
}

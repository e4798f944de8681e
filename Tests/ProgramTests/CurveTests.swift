import Foundation
import TestSupport
import Testing

/// The pictures that `lr-find` and `plot` draw.
@Suite struct CurveTests {
  private let small = SmallRuns()

  @Test func theRateFinderWritesItsCurveAndSaysWhichRate() throws {
    let outcome = try small.run([
      "lr-find", "--train", "text.txt", "--hidden", "24", "--bs", "8", "--bptt", "16", "--steps", "60",
      "--run-dir", "found",
    ])
    #expect(outcome.status == 0, "\(outcome.errors)")
    let curve = try curve("found")
    #expect((2...60).contains(curve.points.count))
    let (steepest, minimumTenth) = (try #require(curve.steepest), try #require(curve.minimumTenth))
    for rate in [steepest, minimumTenth] {
      #expect(outcome.output.contains(String(format: "%.2e", rate)), "\(outcome.output)")
    }
    #expect(
      outcome.output.contains(
        "a rate to start with: --lr " + String(format: "%.2e", minimumTenth)))
    let picture = try String(contentsOfFile: small.directory.path("found/lr-find.svg"), encoding: .utf8)
    #expect(picture.hasPrefix("<svg") && picture.contains("minimum / 10"))
  }

  private struct Curve: Decodable {
    struct Point: Decodable {
      let learningRate: Double
      let smoothedLoss: Double?
    }
    let points: [Point]
    let steepest: Double?
    let minimumTenth: Double?
  }

  private func curve(_ name: String) throws -> Curve {
    let data = try #require(
      FileManager.default.contents(atPath: small.directory.path("\(name)/lr-find.json")))
    return try JSONDecoder().decode(Curve.self, from: data)
  }

  /// A rate to go on training with.
  @Test(arguments: [nil, 2]) func theRateFinderBeginsWithAModel(ranks: Int?) throws {
    try small.train("first", ["--epochs", "4"])
    func firstLoss(_ name: String, _ more: [String]) throws -> Double {
      let outcome = try small.run(
        [
          "lr-find", "--train", "text.txt", "--bs", "8", "--bptt", "16", "--steps", "3", "--to", "1e-4",
          "--run-dir", name,
        ] + more, ranks: ranks)
      #expect(outcome.status == 0, "\(outcome.errors)")
      return try #require(try curve(name).points[0].smoothedLoss)
    }
    #expect(try firstLoss("taken", ["--init", "first"]) < firstLoss("fresh", ["--hidden", "24"]) - 1)
  }

  @Test func runsAreDrawnOverEachOther() throws {
    try small.train("a")
    try small.train("b", ["--lr", "0.01"])
    for what in ["loss", "valid", "rate"] {
      let outcome = try small.run([
        "plot", "a", "b", "--what", what, "--to", "\(what).svg", "--title", "two & more",
      ])
      #expect(outcome.status == 0, "\(outcome.errors)")
      let picture = try String(contentsOfFile: small.directory.path("\(what).svg"), encoding: .utf8)
      #expect(picture.components(separatedBy: "<polyline").count == 3)
      #expect(picture.contains("two &amp; more"))
    }
    // The schedule's warm-up is at a hundredth of its rate: without it, a tick of a tenth is not drawn.
    try small.train("c", ["--lr", "0.01", "--schedule", "cosine"])
    for (options, isDrawn) in [([], false), (["--log"], true)] {
      #expect(try small.run(["plot", "c", "--what", "rate", "--to", "c.svg"] + options).status == 0)
      let picture = try String(contentsOfFile: small.directory.path("c.svg"), encoding: .utf8)
      #expect(picture.contains(">1e-4</text>") == isDrawn)
    }
  }
}

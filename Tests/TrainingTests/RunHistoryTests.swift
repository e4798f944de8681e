import Foundation
import Ranks
import TestSupport
import Testing
import Training

/// What a run's records tell of its starts, its ends and its warnings.
@Suite struct RunHistoryTests {
  private let runs = ResumableRuns()

  private func words(_ history: [HistoryRecord]) -> [String] {
    history.map { record in
      switch record {
      case .start(let start): "start \(start.step) \(start.ranks.values.reduce(0, +))"
      case .end(let end): "end \(end.step) \(end.ending.rawValue)"
      case .warning(let warning): "warning \(warning.text)"
      }
    }
  }

  private func past() throws -> PastRun { try PastRun(path: runs.directory.path("run")) }

  /// Each start and end is there, however far back the run goes on from.
  @Test func startsAndEndsStay() throws {
    var config = runs.config("run")
    config.maxSteps = 20
    config.layers = 1
    try TrainingFixture.run(config, runDirectory: config.runDir!, ranks: 2)
    #expect(try past().state == .ended(.maxSteps))
    // As if its last process had been killed after more steps than it had saved.
    let metrics = runs.directory.path("run/metrics.jsonl")
    var text = try String(contentsOfFile: metrics, encoding: .utf8)
    text += #"{"epoch":1,"kind":"start","ranks":{"a":3},"step":20,"time":1}"# + "\n"
    for step in 21...24 {
      text +=
        #"{"charactersPerSecond":1,"epoch":1,"gradientNorm":1,"kind":"step","learningRate":0.1,"loss":1,"skipped":false,"step":\#(step),"windowLength":8}"#
        + "\n"
    }
    text += #"{"epoch":1,"kind":"warning","step":24,"text":"the disk is slow","time":2}"# + "\n"
    try text.write(toFile: metrics, atomically: true, encoding: .utf8)
    #expect(try past().state == .cutShort)
    try runs.resume("run", ranks: 1) { $0.maxSteps = 30 }
    let warning = "warning --dropout acts between layers: with one layer it does nothing"
    let run = try past()
    #expect(
      words(run.metrics.history) == [
        "start 0 2", warning, "end 20 maxSteps", "start 20 3", "warning the disk is slow", "start 20 1",
        warning,
        "end 30 maxSteps",
      ])
    #expect(run.metrics.steps.map(\.step) == Array(1...30))
    #expect(run.state == .ended(.maxSteps))
    try runs.resume("run", ranks: 1) { $0.maxSteps = nil }
    #expect(try past().state == .ended(.finished))
  }

  @Test func aRunThatIsStoppedOrDivergesSaysSo() throws {
    var config = runs.config("run")
    let (logger, directory) = (TrainingFixture.silentLogger, runs.directory.path("run"))
    config.runDir = directory
    _ = try ThreadWorld.run(size: 2) { [config] world in
      try TrainingRun(RunStart(config), world, SilentObserver(), logger, requests: { .stop }).run()
    }
    #expect(try past().state == .ended(.request))
    config.cell = .init(named: "rnn")!
    config.phases = [Phase(epochs: 3, lr: 3e37)]
    config.maxSkipped = 4
    config.maxRewinds = 1
    try FileManager.default.removeItem(atPath: directory)
    #expect(throws: AgreedFailure.self) { try TrainingFixture.run(config, runDirectory: directory) }
    #expect(try past().state == .ended(.diverged))
  }

  /// A file that cannot be read is a warning, which stays.
  @Test func aDamagedCheckpointIsRemembered() throws {
    var config = runs.config("run")
    config.maxSteps = 20
    config.checkpointEvery = .steps(10)
    try TrainingFixture.run(config, runDirectory: config.runDir!)
    try Data("no checkpoint".utf8).write(
      to: URL(fileURLWithPath: runs.directory.path("run/checkpoints/last.safetensors")))
    try runs.resume("run", ranks: 2) { $0.maxSteps = 22 }
    #expect(
      words(try past().metrics.history).contains {
        $0.hasPrefix("warning ") && $0.contains("last.safetensors")
      })
  }
}

import ArgumentParser
import Charts
import CharModel
import Glibc
import Training

struct WatchCommand: CommandWithExamples {
  static let configuration = CommandConfiguration(
    commandName: "watch",
    abstract: "Show a run that is going on, from another terminal.",
    discussion: """
      On a terminal it is drawn anew every few moments until the run ends; else, or with --once, once.
      """)

  static let examples = [
    Example("Until the run ends", "chartrain-dist watch runs/a")
  ]

  @Argument(help: ArgumentHelp("The run's directory.", valueName: "run-dir"), completion: .directory)
  var directory: String

  @Flag(help: "Show it once and end. Default: until the run ends, on a terminal.")
  var once = false

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Seconds between two looks, 0.1 to 3600. Default: 1.", valueName: "seconds"),
    transform: Number.real)
  var every = 1.0

  func run() throws {
    guard every >= 0.1, every <= 3600 else {
      throw OptionError(option: "every", expected: "0.1 to 3600 seconds", found: "\(every)")
    }
    var run = try PastRun(path: directory)
    let isLive = !once && Terminal.canDraw()
    while true {
      // Asked before it is drawn: the last picture is that of a run that has ended.
      let goesOn = run.isGoingOn
      try run.update()
      let view =
        isLive
        ? RunView(run, goesOn: goesOn, columns: Terminal.columns(), rows: Terminal.rows() - 1)
        : RunView(run, goesOn: goesOn, columns: 80, rows: .max)
      let page = view.page
      // From the top of the terminal, whatever was below wiped out.
      Terminal.write((isLive ? "\u{1B}[H\u{1B}[2J" : "") + page + "\n")
      guard isLive, goesOn else { return }
      usleep(UInt32(every * 1e6))
    }
  }
}

/// A run as some lines of text.
private struct RunView {
  private let run: PastRun
  private let goesOn: Bool
  private let columns: Int
  private let rows: Int
  private static let chartHeight = 10
  private static let lowestChart = 3
  private static let margin = 8
  private static let linesOfSample = 4

  init(_ run: PastRun, goesOn: Bool, columns: Int, rows: Int) {
    self.run = run
    self.goesOn = goesOn
    self.columns = max(20, columns)
    self.rows = rows
  }

  /// What there is room for: the sample goes first, then the chart.
  var page: String {
    let facts = [title, position] + troubles
    let room = rows - facts.count - epochLines.count
    let sample = room >= sample.count + Self.lowestChart + 2 ? sample : []
    let chart = chart(height: min(Self.chartHeight, room - sample.count - 2))
    return (facts + chart + epochLines + sample).prefix(rows).map { $0.cut(to: columns) }.joined(
      separator: "\n")
  }

  /// As many of the parts, from the first on, as fit into a line: half a number would be another.
  private func line(_ parts: [String]) -> String {
    var line = ""
    for part in parts where !part.isEmpty {
      let longer = line.isEmpty ? part : line + "  " + part
      if longer.columns > columns { break }
      line = longer
    }
    return line
  }

  private var title: String {
    let config = run.config
    let ranks = run.placement.count
    return
      "\(run.directory.path)  \(config.cell.name) \(config.layers)x\(config.hidden), \(counted(ranks, "rank"))  "
      + (goesOn ? "going on" : run.stateInWords)
  }

  private var position: String {
    guard let step = run.metrics.steps.last else { return "no step yet" }
    let epochs = run.config.epochs
    let loss = run.metrics.smoothedLosses.last.flatMap { $0 }.map { fixed($0, 4) } ?? "-"
    let speeds = run.metrics.steps.suffix(Self.stepsOfSpeed).map(\.charactersPerSecond).sorted()
    return line([
      "epoch \(step.epoch)/\(epochs)", "step \(grouped(step.step))", "loss \(loss)", left(epochs, step.step),
      "\(grouped(Int(speeds[speeds.count / 2]))) chars/s", "rate \(scientific(step.learningRate))",
    ])
  }

  /// Of which the median speed is shown.
  private static let stepsOfSpeed = 50

  /// What has not gone well so far.
  private var troubles: [String] {
    let skipped = run.metrics.steps.count { $0.skipped }
    let failed = run.metrics.checkpoints.count { $0.failure != nil }
    let starts = run.metrics.history.count { if case .start = $0 { true } else { false } }
    let counts = [
      skipped > 0 ? counted(skipped, "step") + " skipped" : nil,
      run.metrics.rewinds.isEmpty ? nil : counted(run.metrics.rewinds.count, "rewind"),
      starts > 1 ? counted(starts - 1, "restart") : nil,
      failed > 0 ? counted(failed, "checkpoint") + " failed" : nil,
    ].compactMap { $0 }
    let warnings = run.metrics.history.compactMap { record in
      if case .warning(let warning) = record { "warning: \(warning.text.inOneVisibleLine)" } else { nil }
    }
    return (counts.isEmpty ? [] : [counts.joined(separator: ", ")]) + warnings.suffix(1)
  }

  /// What the epochs to come will take, if they take what the last one took; nothing before there is one or after the run.
  private func left(_ epochs: Int, _ step: Int) -> String {
    guard run.isGoingOn, let last = run.metrics.epochs.last else { return "" }
    let stepsOfEpoch = last.step - (run.metrics.epochs.dropLast().last?.step ?? 0)
    let done = min(1, Double(step - last.step) / Double(max(1, stepsOfEpoch)))
    let epochsLeft = Double(epochs - last.epoch) - done
    return "\(duration(seconds: epochsLeft * (last.seconds + (last.validSeconds ?? 0)))) left"
  }

  private func chart(height: Int) -> [String] {
    guard height >= Self.lowestChart else { return [] }
    let points = zip(run.metrics.steps, run.metrics.smoothedLosses).compactMap { step, loss in
      loss.map { (x: Double(step.step), y: $0) }
    }
    guard points.count > 1 else { return [] }
    // The fall of the first steps would leave no room for the rest.
    let shown = Array(points.dropFirst(points.count / 20))
    let chart = TextChart(width: columns - Self.margin, height: height, points: shown)
    return ["", "training loss, smoothed, from step \(grouped(Int(shown[0].x))) on"]
      + chart.rows { fixed($0, 3) }
  }

  private var epochLines: [String] {
    guard let last = run.metrics.epochs.last else { return [] }
    let best = run.metrics.epochs.compactMap { epoch in epoch.validLoss.map { (epoch.epoch, $0) } }.min {
      $0.1 < $1.1
    }
    var lines = [""]
    if let loss = last.validLoss, let best {
      lines.append(
        line([
          "validation loss \(fixed(loss, 4)) after epoch \(last.epoch);",
          "best \(fixed(best.1, 4)), after \(best.0)",
        ]))
    }
    // The time outside the reduction, in which ranks wait for the slowest.
    let phases = PhaseClock.Phase.allCases.filter { $0 != .reduce }.compactMap { last.phaseSeconds?["\($0)"] }
    if let count = phases.first?.count, count > 1,
      let balance = RankBalance(seconds: (0..<count).map { rank in phases.reduce(0) { $0 + $1[rank] } })
    {
      lines.append("ranks in that epoch: \(balance.summary)")
    }
    return lines
  }

  private var sample: [String] {
    guard let last = run.samples.last else { return [] }
    return ["", "sample after epoch \(last.epoch)"]
      + last.text.split(separator: "\n").flatMap { String($0).inOneVisibleLine.broken(width: columns - 8) }
      .prefix(Self.linesOfSample).map { "    " + $0 }
  }
}

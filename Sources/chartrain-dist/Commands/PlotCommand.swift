import ArgumentParser
import Charts
import Storage
import Training

struct PlotCommand: CommandWithExamples {
  static let configuration = CommandConfiguration(
    commandName: "plot",
    abstract: "Draw what runs have measured, as an SVG picture.")

  static let examples = [
    Example("Validation losses of two runs", "chartrain-dist plot runs/a runs/b --what valid --to loss.svg"),
    Example(
      "A learning rate that goes through powers of ten",
      "chartrain-dist plot runs/a --what rate --log --to rate.svg"),
  ]

  enum Quantity: String, CaseIterable, Sendable {
    case loss
    case valid
    case rate
  }

  @Argument(help: ArgumentHelp("The runs' directories.", valueName: "run-dir"), completion: .directory)
  var runs: [String]

  @Option(
    help: ArgumentHelp(
      "'loss': smoothed training loss by step; 'valid': validation loss by epoch; 'rate': learning rate by step. "
        + "Default: valid.", valueName: "what"),
    completion: Choice.names(Quantity.self), transform: Choice.of(Quantity.self))
  var what = Quantity.valid

  @Flag(
    help:
      "Draw the values on a logarithmic axis, those of less than a 10,000th of the highest at its foot. Default: a linear axis."
  )
  var log = false

  @Option(help: ArgumentHelp("The file to write, ending in .svg.", valueName: "file"), completion: .file())
  var to: String

  @Option(help: ArgumentHelp("Over the picture. Default: what it shows.", valueName: "text"))
  var title: String?

  func run() throws {
    try requireSuffix(".svg", of: to)
    let lines = try runs.map { run in
      let past = try PastRun(path: run)
      let metrics = past.metrics
      let points: [(x: Double, y: Double)] =
        switch what {
        case .loss:
          zip(metrics.steps, metrics.smoothedLosses).compactMap { step, loss in
            loss.map { (Double(step.step), $0) }
          }
        case .valid: metrics.epochs.compactMap { epoch in epoch.validLoss.map { (Double(epoch.epoch), $0) } }
        case .rate: metrics.steps.map { (Double($0.step), $0.learningRate) }
        }
      guard !points.isEmpty else {
        throw OptionError(option: "what", expected: "values of '\(what)' in '\(run)'", found: "none")
      }
      return LineChart.Line(name: past.name, points: points)
    }
    let names: (title: String, x: String, y: String) =
      switch what {
      case .loss: ("Training loss, smoothed", "step", "nats per character")
      case .valid: ("Validation loss", "epoch", "nats per character")
      case .rate: ("Learning rate", "step", "learning rate")
      }
    let chart = LineChart(
      title: title ?? names.title, xLabel: names.x, yLabel: names.y, yScale: log ? .logarithmic : .linear,
      lines: lines)
    try writeAtomically(to: to) { try $0.write(chart.svg) }
    print("wrote \(to)")
  }
}

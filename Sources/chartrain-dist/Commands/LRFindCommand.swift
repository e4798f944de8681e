import ArgumentParser
import Charts
import Glibc
import Kernels
import Ranks
import Storage
import Training

struct LRFindCommand: RankedCommand, CommandWithExamples {
  static let configuration = CommandConfiguration(
    commandName: "lr-find",
    abstract: "Look for a good learning rate: raise it until the loss explodes.",
    discussion:
      """
      Takes the options of train that make a step; writes lr-find.json and lr-find.svg into a new directory (--run-dir). The model is as it was before.
      """)

  static let examples = [
    Example("Over 300 steps", "mpirun -n 2 chartrain-dist lr-find --train text.txt --steps 300")
  ]

  @Option(
    name: .customLong("from"), parsing: .unconditional,
    help: ArgumentHelp("The first rate, above 0. Default: 1e-5.", valueName: "rate"), transform: Number.real)
  var firstRate = 1e-5

  @Option(
    name: .customLong("to"), parsing: .unconditional,
    help: ArgumentHelp("The last rate, above the first. Default: 10.", valueName: "rate"),
    transform: Number.real)
  var lastRate = 10.0

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Steps to take, at least 2. Default: as many as an epoch has without --bptt-jitter.", valueName: "n"),
    transform: Number.whole)
  var steps: Int?

  @Option(
    help: ArgumentHelp(
      "Directory for lr-find.json, lr-find.svg and config.json; must not hold a run already. Default: runs/<date-time>.",
      valueName: "path"), completion: .directory)
  var runDir: String?

  @OptionGroup var training: StepOptions
  @OptionGroup(title: "Model") var initialModel: InitialModelOption
  @OptionGroup(title: "Console") var console: ConsoleOptions

  func run() throws {
    let possible = RateFinder.possibleRates
    for (option, rate) in [("from", firstRate), ("to", lastRate)] where !possible.contains(rate) {
      throw OptionError(
        option: option, expected: "a rate from \(possible.lowerBound) to \(possible.upperBound)",
        found: "\(rate)")
    }
    guard lastRate > firstRate else {
      throw OptionError(
        option: "to", expected: "a rate above the first, \(firstRate)", found: "\(lastRate)")
    }
    if let steps, steps < 2 {
      throw OptionError(option: "steps", expected: "at least 2", found: "\(steps)")
    }
    let given = try training.config {
      initialModel.apply(to: &$0)
      console.apply(to: &$0)
      $0.runDir = runDir
    }
    if given?.gemm.backend != .simd { try ensureOpenBLASCore() }
    try runOnRanks { world in
      let config = try initialModel.shape(.ofRoot(given, world), training, world)
      setOpenBLASThreads(config.threads)
      world.set(config.stallLimits)
      try world.onAll { try config.check(ranks: world.size) }
      let text = try SharedText(config, world)
      let trainer = try world.onAll { try Trainer(config, text, world) }
      let logger = ConsoleLogHandler.logger(
        quiet: config.quiet, verbose: config.verbose, speaks: world.isRoot)
      try trainer.takeInitialModel(text, logger)
      let directory = try world.onRoot { try RunDirectory(creating: config.runDir, with: config) }
      let finder = RateFinder(
        rates: firstRate...lastRate, steps: steps ?? max(2, trainer.nominalStepsPerEpoch))
      var progress = config.quiet ? nil : ProgressDisplay.onRoot(of: world)
      let outcome = try finder.run(trainer) { point in
        progress?.show(
          "lr-find", fraction: Double(point.step) / Double(finder.steps),
          detail:
            "rate \(scientific(point.learningRate))  loss \(point.smoothedLoss.map { fixed($0, 4) } ?? "-")")
      }
      progress?.clear()
      try world.onRoot {
        try write(outcome, directory!, quiet: config.quiet)
        try Terminal.checkOutput()
      }
      return EXIT_SUCCESS
    }
  }

  private func write(_ outcome: RateFinder.Outcome, _ directory: RunDirectory, quiet: Bool) throws {
    let data = try outcome.json
    let marks = [("steepest", outcome.steepest), ("minimum / 10", outcome.minimumTenth)]
      .compactMap { name, rate in rate.map { (name: name, x: $0) } }
    let chart = LineChart(
      title: "Learning-rate finder", xLabel: "learning rate", yLabel: "smoothed loss, nats per character",
      xScale: .logarithmic,
      lines: [
        .init(
          name: "loss",
          points: outcome.points.compactMap { point in point.smoothedLoss.map { (point.learningRate, $0) } })
      ], marks: marks)
    try writeAtomically(to: directory.rateFinderCurve) { try $0.write(data) }
    try writeAtomically(to: directory.path + "/lr-find.svg") { try $0.write(chart.svg) }
    if quiet { return }
    for (name, rate) in [("steepest descent", outcome.steepest), ("minimum / 10", outcome.minimumTenth)] {
      print(name.rightPadded(18) + (rate.map(scientific) ?? "none"))
    }
    print(
      """
      \(advice(outcome))
      \(outcome.points.count) steps; curve in \(directory.path)/lr-find.json and lr-find.svg
      """)
  }

  private func advice(_ outcome: RateFinder.Outcome) -> String {
    if outcome.fallsAtEnd { return "the loss was still falling at the last rate: a larger --to tells more" }
    guard let rate = outcome.minimumTenth ?? outcome.steepest else {
      return "the loss never fell: try a smaller --from"
    }
    return "a rate to start with: --lr \(scientific(rate))"
  }
}

import ArgumentParser
import CharModel
import Glibc
import Kernels
import Ranks
import Training

struct BenchCommand: RankedCommand, CommandWithExamples {
  static let configuration = CommandConfiguration(
    commandName: "bench",
    abstract:
      "Measure training steps: speed, share of the processor's peak, memory, and where the time goes.",
    discussion: """
      Takes the options of train that make a step, and writes no files. All windows have the length --bptt.
      """)

  static let examples = [
    Example("The notebook's LSTM, on 2 ranks", "mpirun -n 2 chartrain-dist bench --preset notebook-lstm")
  ]

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Steps to measure, at least 1. Default: 100.", valueName: "n"),
    transform: Number.whole)
  var steps = 100

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Steps before that, at least 1. Default: 10.", valueName: "n"),
    transform: Number.whole)
  var warmUp = 10

  @Flag(help: "Print one JSON object instead.")
  var json = false

  @OptionGroup var training: StepOptions

  func run() throws {
    for (option, value) in [("steps", steps), ("warm-up", warmUp)] where value < 1 {
      throw OptionError(option: option, expected: "at least 1", found: "\(value)")
    }
    let given = try training.config()
    try ensureOpenBLASCore()
    try runOnRanks { world in
      var config = try TrainingConfig.ofRoot(given, world)
      config.bpttJitter = false
      setOpenBLASThreads(config.threads)
      world.set(config.stallLimits)
      try world.onAll { try config.check(ranks: world.size) }
      let text = try SharedText(config, world)
      let trainer = try world.onAll { try Trainer(config, text, world) }
      let outcome = try StepBenchmark(warmUp: warmUp, steps: steps).run(trainer)
      try world.onRoot {
        print(json ? try outcome.json : page(outcome, config, trainer.model))
        try Terminal.checkOutput()
      }
      return EXIT_SUCCESS
    }
  }

  private func page(_ outcome: StepBenchmark.Outcome, _ config: TrainingConfig, _ model: ModelConfig)
    -> String
  {
    let phases = PhaseClock.Phase.allCases.map { "\($0)" }
    let width = 10
    let header = phases.map { $0.leftPadded(width) }.joined()
    let rows = outcome.phases.enumerated().map { rank, times in
      "\(rank)".rightPadded(10) + phases.map { fixed(times[$0]!, 3).leftPadded(width) }.joined()
    }
    return """
      model     \(model.cell.name) \(model.layers)x\(model.hidden), embedding \(model.embedding), vocabulary \
      \(model.vocabulary), dropout \(config.dropout)
      work      \(config.bs) streams x \(config.bptt) characters, on \(outcome.ranks) ranks x \(outcome.threads) \
      threads; \(outcome.steps) steps after \(warmUp) to warm up
      step      \(fixed(outcome.stepMilliseconds, 3)) ms median, \(fixed(outcome.fastestStepMilliseconds, 3)) ms fastest
      speed     \(grouped(outcome.charactersPerSecond)) characters/s
      products  \(fixed(outcome.gflops, 1)) GFLOP/s, \(fixed(100 * outcome.fractionOfPeak, 1)) % of the \
      \(fixed(outcome.peakGflops, 1)) that the largest product reaches
      memory    \(outcome.peakResidentBytes >> 20) MiB at most on a rank
      start     \(fixed(outcome.secondsToFirstStep, 2)) s to the end of the first step

      rank, ms  \(header)
      \(rows.joined(separator: "\n"))
      """
  }
}

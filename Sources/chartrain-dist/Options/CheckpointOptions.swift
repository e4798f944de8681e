import ArgumentParser
import Training

/// How often a run saves, and how much of it stays.
struct CheckpointOptions: ParsableArguments {
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Also write a checkpoint step-K within epochs, every so many steps (500), at least 1, or minutes (10m), above 0 and at most 1e6. Default: \(standard.checkpointEvery.text).",
      valueName: "interval"), transform: Choice.checkpointInterval)
  var checkpointEvery: CheckpointInterval?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "How many step-K checkpoints to keep, at least 1. Default: \(standard.keep).", valueName: "n"),
    transform: Number.whole)
  var keep: Int?

  private static let standard = TrainingConfig()

  func apply(to config: inout TrainingConfig) {
    config.checkpointEvery = checkpointEvery ?? config.checkpointEvery
    config.keep = keep ?? config.keep
  }
}

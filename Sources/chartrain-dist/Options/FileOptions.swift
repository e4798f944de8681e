import ArgumentParser
import Storage
import Training

/// Where a run writes, and what besides its metrics and checkpoints.
struct FileOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Directory for the run's files; must not hold a run already. Default: runs/<date-time>, or that of --resume.",
      valueName: "path"), completion: .directory)
  var runDir: String?

  @Option(
    help: ArgumentHelp(
      "Go on with the run in this directory from its last good checkpoint, on any number of ranks, with its options; --epochs may be another number, for its last phase, unless that has schedule one-cycle. Default: none, a new run.",
      valueName: "run-dir"), completion: .directory)
  var resume: String?

  @Option(
    help: ArgumentHelp(
      "Directory on each rank's host for a log of it, rank-K.log: what it does, and where its time goes. Default: none.",
      valueName: "path"), completion: .directory)
  var logDir: String?

  @Flag(
    inversion: .prefixedNo,
    help:
      "Write an event file for TensorBoard into the run's directory: losses, rate, speed, phases, samples, options. Default: yes."
  )
  var tensorboard: Bool?

  @Flag(
    inversion: .prefixedNo,
    help: "For TensorBoard: also histograms of all weights and gradients after each epoch. Default: no.")
  var histograms: Bool?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Characters of the sample shown after each epoch, up to 1000000; 0 for none. Default: \(standard.sampleLength).",
      valueName: "n"), transform: Number.whole)
  var sampleLength: Int?

  private static let standard = TrainingConfig()

  /// That of the run to go on with, if it can be read and its values hold.
  var savedConfig: TrainingConfig? {
    guard let resume, case .file = kind(of: resume + "/config.json"),
      let config = try? TrainingConfig(file: resume + "/config.json"), (try? config.checkValues()) != nil
    else { return nil }
    return config
  }

  func apply(to config: inout TrainingConfig) {
    config.runDir = runDir ?? config.runDir
    config.logDir = logDir ?? config.logDir
    config.tensorboard = tensorboard ?? config.tensorboard
    config.histograms = histograms ?? config.histograms
    config.sampleLength = sampleLength ?? config.sampleLength
  }
}

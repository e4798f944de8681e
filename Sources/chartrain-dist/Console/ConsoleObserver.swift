import CharModel
import Charts
import FoundationEssentials
import Glibc
import Training

/// Shows a run on the terminal: what it is, a table with a row per epoch, a progress bar, samples.
final class ConsoleObserver: RunObserver {
  private var progress: ProgressDisplay?
  private var entropyRate: Double?
  private var best: EpochMetrics?
  private var epochs = 0
  /// What a model that knows nothing has: the logarithm of the vocabulary's size.
  private var guessingLoss = Double.infinity
  private var endsWithSample = false
  private var rootValidates = false
  private var placement: [Placement] = []
  /// Exponentially smoothed, so that it can be read.
  private var charactersPerSecond: Double?

  /// How evenly the ranks are at work, where there are several.
  private var balance = ""

  /// - Parameter progress: nil where somebody else writes about every step.
  init(_ progress: ProgressDisplay?) {
    self.progress = progress
  }

  func runBegan(_ summary: RunSummary) {
    let config = summary.config
    entropyRate = summary.entropyRate
    rootValidates = config.validate == .rank0
    epochs = config.epochs
    guessingLoss = log(Double(summary.vocabularyCount))
    placement = summary.placement
    let places = placement.ranksByHost
    let ranks = places.count == 1 ? counted(placement.count, "rank") : placesInWords(places)
    let unknown = summary.unknownValidCharacters
    let valid =
      config.validate != .none
      ? ", \(grouped(summary.validCharacters)) to validate on\(unknown > 0 ? " (\(grouped(unknown)) unknown)" : "")"
      : ""
    let resumed = summary.resumedAtStep.map { ", resumed after step \(grouped($0))" } ?? ""
    Terminal.write(
      """
      model   \(config.cell.name) \(config.layers)x\(config.hidden), \(grouped(summary.parameterCount)) parameters
      text    \(config.trainSource.name): \(grouped(summary.trainCharacters)) characters\(valid), vocabulary \(summary.vocabularyCount)
      ranks   \(ranks), \(config.bs) streams in all, windows of \(config.bptt)
      phases  \(config.phaseSummary)
      files   \(summary.directory.path)\(resumed)

      \(header)

      """)
    progress?.restart()
  }

  func stepEnded(_ metrics: StepMetrics, smoothedLoss: Double?, fraction: Double) {
    let rate = 0.9 * (charactersPerSecond ?? metrics.charactersPerSecond) + 0.1 * metrics.charactersPerSecond
    charactersPerSecond = rate
    progress?.show(
      "epoch \(metrics.epoch)/\(epochs)", fraction: fraction,
      detail: "loss \(smoothedLoss.map { fixed($0, 4) } ?? "-")  \(grouped(rate)) chars/s",
      remark: balance)
  }

  /// A warning says so.
  func wentBack(toStep step: Int) {}

  func ranksCompared(_ balance: RankBalance) {
    self.balance = balance.summary
  }

  func validationAdvanced(fraction: Double, of characters: Int) {
    guard fraction > 0, let elapsedSeconds = progress?.elapsedSeconds else {
      return progress?.restart() ?? ()
    }
    let rate = fraction * Double(characters) / max(elapsedSeconds, 1e-3)
    progress?.show("validation", fraction: fraction, detail: "\(grouped(rate)) chars/s")
  }

  func epochEnded(_ metrics: EpochMetrics, isBest: Bool) {
    progress?.clear()
    if isBest { best = metrics }
    endsWithSample = false
    Terminal.write(row(metrics) + (isBest ? "  best" : "") + "\n")
    progress?.restart()
  }

  private static let indentOfSample = 4

  func sampled(_ text: String) {
    var lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    if let columns = progress?.columns {
      lines = lines.flatMap { $0.broken(width: max(columns - 2 * Self.indentOfSample, 20)) }
    }
    endsWithSample = true
    let indent = String(repeating: " ", count: Self.indentOfSample)
    Terminal.write("\n" + lines.map { indent + $0 + "\n" }.joined() + "\n")
  }

  func histogramsCollected(_ histograms: [TensorHistogram], step: Int) {}

  func runEnded(_ report: RunReport) {
    progress?.clear()
    if !endsWithSample { Terminal.write("\n") }
    Terminal.write(summary(report) + "\n")
    // Of a run of some seconds it is not worth a word.
    if rootValidates, report.idleSeconds > max(5, ScalingPlan.tolerableIdleFraction * report.seconds) {
      Terminal.write(
        "ranks waited for rank 0 to validate for \(fixed(100 * report.idleSeconds / report.seconds, 0)) % of their time: --validate all shares that work\n"
      )
    }
    let last = report.directory.checkpoint("last")
    switch report.ending {
    // The error that follows a nil says why.
    case .finished, nil: break
    case .maximumSteps: Terminal.write("stopped as --max-steps says\n")
    case .request:
      Terminal.write("stopped on request; to go on: \(commandToResume(report.directory.path))\n")
    }
    if let step = report.stepOfLast, step < report.step {
      Terminal.write("\(last) is of step \(grouped(step))\n")
    }
    guard let best, let loss = best.validLoss else {
      if report.ending != nil {
        Terminal.write("saved \(last)\(report.best.map { ", the best so far is \($0)" } ?? "")\n")
      }
      return
    }
    Terminal.write(
      "best validation loss \(fixed(loss, 4)) nats per character, at epoch \(best.epoch)"
        + (report.best == nil ? "; that model could not be saved\n" : "\n"))
    if let entropyRate {
      Terminal.write(
        "the corpus's true entropy is \(fixed(entropyRate, 4)): \(excess(loss, over: entropyRate)) above the limit\n"
      )
    }
    if loss > guessingLoss {
      Terminal.write("that is worse than guessing (\(fixed(guessingLoss, 4))): try a lower --lr\n")
    }
    if let best = report.best {
      Terminal.write("sample from it: \(Self.program) sample --checkpoint \(best)\n")
    }
  }

  /// What the run has done, in one line.
  private func summary(_ report: RunReport) -> String {
    func some(_ count: Int, _ name: String, _ fate: String = "") -> String? {
      count == 0 ? nil : counted(count, name) + fate
    }
    let parts = [
      some(report.step, "step") ?? "no steps",
      report.skippedSteps == 0 ? nil : "\(grouped(report.skippedSteps)) skipped",
      some(report.rewinds, "rewind"), some(report.restarts, "restart"),
      some(report.checkpointsWritten, "checkpoint", " written"),
      some(report.checkpointsFailed, "checkpoint", " failed"),
      some(report.lostLines, "line", " of metrics lost"),
    ]
    return parts.compactMap { $0 }.joined(separator: ", ")
  }

  /// On as many ranks again. How ranks get to several hosts is the user's knowledge: a hostfile, Slurm, Kubernetes.
  private func commandToResume(_ path: String) -> String {
    if placement.ranksByHost.count > 1 { return "the same start on the hosts, with --resume \(path)" }
    let launcher = placement.count > 1 ? "mpirun -n \(placement.count) " : ""
    return "\(launcher)\(Self.program) --resume \(path)"
  }

  /// How the user can start this program.
  private static var program: String {
    let path = CommandLine.arguments[0]
    let here = FileManager.default.currentDirectoryPath + "/"
    return path.hasPrefix(here) ? String(path.dropFirst(here.count)) : path
  }

  // MARK: The table

  private var header: String {
    "epoch   trn_loss   val_loss  bits/char"
      + (entropyRate == nil ? "" : "  over entropy")
      + "     chars/s     time"
  }

  private func row(_ metrics: EpochMetrics) -> String {
    func cell(_ value: Double?, _ width: Int) -> String {
      (value.map { fixed($0, 4) } ?? "-").leftPadded(width)
    }
    var row = "\(metrics.epoch)".leftPadded(5)
    row += cell(metrics.trainLoss, 11) + cell(metrics.validLoss, 11) + cell(metrics.bitsPerCharacter, 11)
    if let entropyRate {
      row += (metrics.validLoss.map { excess($0, over: entropyRate) } ?? "-").leftPadded(14)
    }
    row += grouped(metrics.charactersPerSecond).leftPadded(12)
    return row + duration(seconds: metrics.seconds).leftPadded(9)
  }

  private func excess(_ loss: Double, over entropyRate: Double) -> String {
    fixed((loss / entropyRate - 1) * 100, 1) + "%"
  }
}

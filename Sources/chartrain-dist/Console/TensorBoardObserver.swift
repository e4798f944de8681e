import CharModel
import Charts
import EventFiles
import FoundationEssentials
import Glibc
import Logging
import Training

/// Writes what TensorBoard shows: an event file in the run's directory for each time that the run is started.
final class TensorBoardObserver: SilentObserver {
  private let logger: Logger
  private var log: RunLog?
  private var lastStep = 0
  /// When a step was last written: of quick steps not each one is.
  private var written: ContinuousClock.Instant?
  /// The last step, where it is not.
  private var unwritten: (metrics: StepMetrics, smoothedLoss: Double?)?
  /// Of the steps since one was written: no peak is lost.
  private var largestNorm: Double?
  private let clock = ContinuousClock()
  private static let pause = Duration.milliseconds(100)

  init(_ logger: Logger) { self.logger = logger }

  override func runBegan(_ summary: RunSummary) {
    let now = Date()
    let time = Int(now.timeIntervalSince1970)
    let host = summary.placement[0].host
    let path = "\(summary.directory.path)/events.out.tfevents.\(time).\(host).\(getpid()).0"
    let logger = logger
    do { log = try RunLog(path) { logger.warning("\($0)") } } catch {
      return logger.warning("\(error): training goes on without TensorBoard's file")
    }
    write([.fileVersion(time: now)])
    if let step = summary.resumedAtStep {
      lastStep = step
      write([.start(step: step + 1, time: now)])
    }
    write(
      Event.settings(
        Self.settings(summary), metrics: ["loss/validation", "speed/characters_per_second"], time: now)
    )
  }

  override func stepEnded(_ metrics: StepMetrics, smoothedLoss: Double?, fraction: Double) {
    lastStep = metrics.step
    unwritten = (metrics, smoothedLoss)
    if let norm = metrics.gradientNorm { largestNorm = max(largestNorm ?? norm, norm) }
    if let written, clock.now - written < Self.pause { return }
    written = clock.now
    writeLastStep()
  }

  private func writeLastStep() {
    guard let (metrics, smoothedLoss) = unwritten else { return }
    unwritten = nil
    scalars(
      [
        ("loss/train", smoothedLoss), ("loss/step", metrics.loss),
        ("rate/learning_rate", metrics.learningRate),
        ("gradient/norm", largestNorm), ("speed/characters_per_second", metrics.charactersPerSecond),
      ], step: metrics.step)
    largestNorm = nil
  }

  override func wentBack(toStep step: Int) {
    (lastStep, unwritten, largestNorm) = (step, nil, nil)
    write([.start(step: step + 1, time: Date())])
  }

  override func epochEnded(_ metrics: EpochMetrics, isBest: Bool) {
    writeLastStep()
    // The slowest rank's: it is the one that the others wait for.
    let phases = PhaseClock.Phase.allCases.map { phase in
      (tag: "seconds_of_epoch/\(phase)", value: metrics.phaseSeconds?["\(phase)"]?.max())
    }
    scalars(
      [
        ("loss/validation", metrics.validLoss), ("bits_per_character/validation", metrics.bitsPerCharacter),
        ("speed/characters_per_second_of_epoch", metrics.charactersPerSecond),
      ] + phases, step: metrics.step)
  }

  private static let columnsOfSample = 100

  override func sampled(_ text: String) {
    // Indented, it is shown as it is, and no line is broken there.
    let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
      .flatMap { String($0).broken(width: Self.columnsOfSample) }
    let page = lines.map { "    \($0)" }.joined(separator: "\n")
    write([.text(page, tag: "sample", step: lastStep, time: Date())])
  }

  override func histogramsCollected(_ histograms: [TensorHistogram], step: Int) {
    write(
      histograms.map { entry in
        .histogram(
          limits: Histogram.limits, counts: entry.histogram.counts, sum: entry.histogram.sum,
          sumOfSquares: entry.histogram.sumOfSquares,
          tag: "\(entry.isGradient ? "gradients" : "weights")/\(entry.tensor)", step: step, time: Date())
      })
  }

  override func runEnded(_ report: RunReport) {
    writeLastStep()
    write([.end(isSuccess: report.ending != nil, time: Date())])
  }

  private func scalars(_ values: [(tag: String, value: Double?)], step: Int) {
    let known = values.compactMap { tag, value in value.map { (tag: tag, value: $0) } }
    write([.scalars(known, step: step, time: Date())])
  }

  private func write(_ events: [Event]) {
    for event in events {
      do { log?.add(try event.record) } catch { logger.warning("\(error)") }
    }
  }

  /// What runs are compared by.
  private static func settings(_ summary: RunSummary) -> [(name: String, value: Event.Setting)] {
    let config = summary.config
    func number(_ value: some BinaryInteger) -> Event.Setting { .number(Double(value)) }
    return [
      ("cell", .text(config.cell.name)), ("layers", number(config.layers)), ("hidden", number(config.hidden)),
      ("embedding", number(config.embedding)), ("dropout", .number(Double(config.dropout))),
      ("dropout-output", .number(Double(config.dropoutOutput))), ("bs", number(config.bs)),
      ("bptt", number(config.bptt)), ("bptt-jitter", .flag(config.bpttJitter)),
      ("lr", .number(config.phases.first?.lr ?? 0)),
      ("epochs", number(config.epochs)), ("phases", .text(config.phaseSummary)),
      ("ranks", number(summary.placement.count)), ("threads", number(config.threads)),
      ("text", .text(config.trainSource.name)), ("unit", .text("\(config.unit)")),
      ("weight-decay", .number(config.weightDecay)), ("clip-norm", .number(config.clipNorm ?? 0)),
      ("average-decay", .number(config.averageDecay ?? 0)), ("seed", number(config.seed)),
    ]
  }
}

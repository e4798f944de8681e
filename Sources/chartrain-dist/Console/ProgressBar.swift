/// One line at the bottom of the terminal that says how far something has come, redrawn a few times a second.
struct ProgressBar {
  private let width: Int
  private let underMPI: Bool
  private let clock = ContinuousClock()
  private var started: ContinuousClock.Instant
  private var drawn: ContinuousClock.Instant?

  private static let interval = Duration.milliseconds(100)
  private static let barWidth = 20

  init(underMPI: Bool) {
    self.underMPI = underMPI
    width = Terminal.columns(underMPI: underMPI)
    started = clock.now
  }

  var elapsedSeconds: Double { (clock.now - started) / .seconds(1) }

  /// Starts the time from which the rest is reckoned.
  mutating func restart() {
    started = clock.now
    drawn = nil
  }

  /// Shows `label`, the bar, `detail` and the time left, unless the line is fresh.
  mutating func show(_ label: String, fraction: Double, detail: String) {
    let now = clock.now
    if let drawn, now - drawn < Self.interval { return }
    drawn = now
    let filled = Int((fraction * Double(Self.barWidth)).rounded())
    let bar =
      String(repeating: "#", count: filled) + String(repeating: "-", count: Self.barWidth - filled)
    let isTelling = fraction > 0 && elapsedSeconds > 0.5
    let left = isTelling ? duration(seconds: elapsedSeconds * (1 - fraction) / fraction) : "-"
    let percent = "\(Int(fraction * 100))%".leftPadded(4)
    let line = "\(label) [\(bar)] \(percent)  \(detail)  \(left) left"
    Terminal.write("\r\u{1B}[K" + line.prefix(max(1, width - 1)))
  }

  /// Takes the line away, so that something else can be written.
  mutating func clear() {
    if drawn != nil { Terminal.write("\r\u{1B}[K") }
    drawn = nil
  }
}

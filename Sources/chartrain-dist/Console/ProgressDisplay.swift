import FoundationEssentials
import Ranks

/// Says how far something has come: on a terminal by one line at its bottom, redrawn a few times a second; elsewhere by a line now and then.
struct ProgressDisplay {
  private let stream: Terminal.Stream
  private let isTerminal: Bool
  private let clock = ContinuousClock()
  private var started: ContinuousClock.Instant
  private var shown: ContinuousClock.Instant?
  /// What was done when the time began; nil before the first is known.
  private var firstFraction: Double?

  private static let intervalOfBar = Duration.milliseconds(100)
  /// What comes more often than that has rows of its own.
  private static let (untilFirstLine, intervalOfLines) = (Duration.seconds(10), Duration.seconds(60))

  /// In seconds: before it nothing is foretold.
  private static let soon = 0.5

  init(on stream: Terminal.Stream = .output) {
    self.stream = stream
    isTerminal = Terminal.canDraw(on: stream)
    started = clock.now
  }

  /// That of rank 0; the others have none.
  static func onRoot(of world: any World) -> ProgressDisplay? { world.isRoot ? ProgressDisplay() : nil }

  /// The terminal's columns, which may change; nil without one.
  var columns: Int? { isTerminal ? Terminal.columns(stream) : nil }

  var elapsedSeconds: Double { (clock.now - started) / .seconds(1) }

  /// Starts the time from which the rest is reckoned.
  mutating func restart() {
    started = clock.now
    shown = nil
    firstFraction = nil
  }

  /// Shows `label`, how far it is, `detail`, the time left and `remark`, unless that would be too soon. It may be called at every step: the words are made
  /// only where they are shown.
  mutating func show(
    _ label: @autoclosure () -> String, fraction: Double, detail: @autoclosure () -> String,
    remark: String = ""
  ) {
    let now = clock.now
    let before = firstFraction ?? (elapsedSeconds < Self.soon ? fraction : 0)
    firstFraction = before
    guard isTime(now) else { return }
    shown = now
    let isTelling = fraction > before && elapsedSeconds > Self.soon
    let left = isTelling ? duration(seconds: elapsedSeconds * (1 - fraction) / (fraction - before)) : "-"
    let percent = "\(Int(fraction * 100))%".leftPadded(4)
    let label = label()
    let withoutRemark = "\(percent)  \(detail())  \(left) left"
    let whole = withoutRemark + (remark.isEmpty ? "" : "  " + remark)
    guard let columns else { return Terminal.write("\(label) \(whole)\n", to: stream) }
    func bar(_ barWidth: Int) -> String {
      let filled = Int((fraction * Double(barWidth)).rounded())
      return "[" + String(repeating: "#", count: filled) + String(repeating: "-", count: barWidth - filled)
        + "] "
    }
    // Where it is narrow the bar goes first: its percentage stays.
    let lines = [bar(20) + whole, bar(10) + whole, whole, bar(10) + withoutRemark, withoutRemark]
      .map { "\(label) \($0)" }
    let fitting = lines.first { $0.count < columns } ?? lines.last!
    Terminal.drawBar(String(fitting.prefix(max(1, columns - 1))), on: stream)
  }

  private func isTime(_ now: ContinuousClock.Instant) -> Bool {
    if isTerminal { return shown.map { now - $0 >= Self.intervalOfBar } ?? true }
    return shown.map { now - $0 >= Self.intervalOfLines } ?? (now - started >= Self.untilFirstLine)
  }

  /// Takes the line away from a terminal, so that something else can be written.
  mutating func clear() {
    if isTerminal { Terminal.clearBar() }
    shown = nil
  }
}

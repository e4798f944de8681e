import Glibc
import Training

/// `value` with `digits` digits after the point.
func fixed(_ value: Double, _ digits: Int) -> String { formatted("%.*f", [Int32(digits), value]) }

private func formatted(_ format: String, _ values: [any CVarArg]) -> String {
  withVaList(values) { arguments in
    withUnsafeTemporaryAllocation(of: CChar.self, capacity: 400) { buffer in
      buffer.initialize(repeating: 0)
      vsnprintf(buffer.baseAddress!, buffer.count, format, arguments)
      return String(cString: buffer.baseAddress!)
    }
  }
}

/// `value` with three digits and a power of ten, such as `1.25e-03`.
func scientific(_ value: Double) -> String { formatted("%.2e", [value]) }

/// `value` without what is behind the point, with commas between thousands.
func grouped(_ value: Double) -> String { value.magnitude < 1e18 ? grouped(Int(value)) : "-" }

/// `value` with commas between thousands.
func grouped(_ value: Int) -> String {
  var digits = String(value.magnitude)
  var groups: [String] = []
  while digits.count > 3 {
    groups.insert(String(digits.suffix(3)), at: 0)
    digits.removeLast(3)
  }
  return (value < 0 ? "-" : "") + ([digits] + groups).joined(separator: ",")
}

/// A number of things, whose `name` is that of one: `1 rank`, `2 ranks`.
func counted(_ number: Int, _ name: String) -> String {
  "\(grouped(number)) \(name)\(number == 1 ? "" : "s")"
}

/// As `m:ss`, or `h:mm:ss`.
func duration(seconds: Double) -> String {
  func two(_ value: Int) -> String { value < 10 ? "0\(value)" : "\(value)" }
  guard seconds.magnitude < 1e9 else { return "-" }
  let total = Int(seconds.rounded())
  let (hours, minutes) = (total / 3600, total / 60 % 60)
  return hours > 0 ? "\(hours):\(two(minutes)):\(two(total % 60))" : "\(minutes):\(two(total % 60))"
}

extension TrainingConfig {
  /// Its phases in words: `4 epochs at 0.003, then 2 at 0.0005`.
  var phaseSummary: String {
    phases.enumerated().map { index, phase in
      let epochs = index > 0 ? "\(phase.epochs)" : counted(phase.epochs, "epoch")
      let rate = phase.lr.map { "\($0)" } ?? "the rate where that ended"
      let moments = phase.adam == .fresh ? " with fresh moments" : ""
      return "\(epochs) at \(rate)\(phase.schedule.summary)\(moments)"
    }.joined(separator: ", then ")
  }
}

extension Schedule {
  /// To follow a rate, its highest.
  fileprivate var summary: String {
    switch self {
    case .constant: ""
    case .cosine(let restarts):
      " in cosine cycles of \(restarts.cycleLength)"
        + (restarts.cycleMult == 1 ? "" : ", each \(restarts.cycleMult) times as long as the one before")
    case .warmup(let steps): " after a warm-up of \(grouped(steps)) steps"
    case .oneCycle: " in one cycle"
    }
  }
}

extension RankBalance {
  /// Names the slowest rank where it holds up the others.
  var summary: String {
    "balance \(Int(100 * evenness))%" + (evenness < 0.9 ? ", rank \(slowestRank) is slow" : "")
  }
}

extension String {
  /// Whatever of it is no character of a line made visible: it may come from a file of anywhere.
  var inOneVisibleLine: String {
    TokenWriter.visible(self).split(separator: "\n").joined(separator: " ")
  }

  /// With spaces before it, at least `width` columns wide.
  func leftPadded(_ width: Int) -> String {
    String(repeating: " ", count: max(0, width - count)) + self
  }

  /// With spaces behind it, at least `width` columns wide.
  func rightPadded(_ width: Int) -> String {
    self + String(repeating: " ", count: max(0, width - count))
  }
}

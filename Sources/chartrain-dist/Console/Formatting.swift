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

/// `value` with commas between thousands.
func grouped(_ value: Int) -> String {
  var digits = String(abs(value))
  var groups: [String] = []
  while digits.count > 3 {
    groups.insert(String(digits.suffix(3)), at: 0)
    digits.removeLast(3)
  }
  return (value < 0 ? "-" : "") + ([digits] + groups).joined(separator: ",")
}

/// As `m:ss`, or `h:mm:ss`.
func duration(seconds: Double) -> String {
  func two(_ value: Int) -> String { value < 10 ? "0\(value)" : "\(value)" }
  guard seconds.isFinite, seconds < 1e9 else { return "-" }
  let total = Int(seconds.rounded())
  let (hours, minutes) = (total / 3600, total / 60 % 60)
  return hours > 0 ? "\(hours):\(two(minutes)):\(two(total % 60))" : "\(minutes):\(two(total % 60))"
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

/// The processors that the system lets this process use.
public struct Processors: Equatable, Sendable {
  /// Their numbers as Linux lists them, such as `0-3,8`.
  public let list: String

  /// Those of this process.
  public init() {
    let name = "Cpus_allowed_list:"
    let lines = Self.text("/proc/self/status").split(separator: "\n")
    let line = lines.first { $0.hasPrefix(name) } ?? ""
    list = String(line.dropFirst(name.count).drop { $0 == "\t" || $0 == " " })
  }

  /// Cores, of which each may be several processors.
  public var cores: Int {
    let siblings = numbers.map { Self.text("/sys/devices/system/cpu/cpu\($0)/topology/thread_siblings_list") }
    return max(1, siblings.contains("") ? numbers.count : Set(siblings).count)
  }

  /// How many they are, at least 1.
  public var count: Int { max(1, numbers.count) }

  private var numbers: [Int] {
    list.split(separator: ",").flatMap { part -> [Int] in
      let ends = part.split(separator: "-").compactMap { Int($0) }
      guard let first = ends.first, let last = ends.last, first <= last else { return [] }
      return Array(first...last)
    }
  }

  private static func text(_ path: String) -> String {
    String(decoding: (try? readBytes(of: path, from: 0, count: 1 << 16)) ?? [], as: UTF8.self)
  }
}

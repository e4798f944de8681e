/// Finds out which rank the others wait for in vain.
///
/// A rank that waits for long asks all ranks for a sign of life. Each answers where it waits or works for the others, and one that hangs, or
/// whose host or network is gone, does not. The lowest rank of those that answer says so, and ends the run in the end.
final class StallWatch {
  /// What ranks tell each other beside the work.
  enum Note: Int32 {
    /// Are you there?
    case question
    /// Yes, and I wait as you do.
    case waits
    /// Yes, and I do what you wait for.
    case works
    /// Rank 0 should look up from what it does.
    case call
  }

  /// How this rank reaches the others.
  struct Line {
    let tell: (_ rank: Int, Note) -> Void
    /// Nil if there is no note.
    let told: () -> (rank: Int, note: Note)?
    /// Warns the user.
    let warn: (String) -> Void
    /// Ends the run, and says why.
    let end: (String) -> Void
  }

  private let rank: Int
  private let hosts: [String]
  private let line: Line
  private var limits = StallLimits()
  /// Called now and then while this rank waits.
  var whileWaiting: () -> Void = {}

  private let clock = ContinuousClock()
  private var since: ContinuousClock.Instant
  private var looked: ContinuousClock.Instant
  private var asked: ContinuousClock.Instant?
  private var waiting: Set<Int> = []
  private var working: Set<Int> = []
  private var hasWarned = false
  private var isCalled = false
  private var nextWarningOfWork = StallLimits().warning

  /// Calls of `wait` in which nobody looks at the clock: nearly all waits are shorter.
  private static let patience = 200
  private static let interval = Duration.milliseconds(10)

  init(rank: Int, hosts: [String], _ line: Line) {
    self.rank = rank
    self.hosts = hosts
    self.line = line
    since = clock.now
    looked = since
  }

  func set(_ limits: StallLimits) { self.limits = limits }

  /// To be called over and over while this rank waits.
  ///
  /// - Parameter calls: those before, of this wait.
  func wait(calls: Int) {
    guard calls >= Self.patience else { return }
    let now = clock.now
    // A rank that has been away for long itself, stopped say, cannot tell who has been silent.
    if calls == Self.patience || now - looked > limits.answerTime {
      (since, asked, hasWarned) = (now, nil, false)
    } else if now - looked < Self.interval {
      return
    }
    looked = now
    answer(.waits)
    whileWaiting()
    judge(now)
  }

  /// To be called now and then by a rank that works while others wait.
  ///
  /// - Returns: whether another rank has called for attention.
  func attend() -> Bool {
    answer(.works)
    return isCalled
  }

  /// To be called now and then by a rank that does one thing for `time`, which may never end: storage can hang.
  func attend(to what: String, for time: Duration) {
    answer(.works)
    if time < limits.warning { nextWarningOfWork = limits.warning }
    guard time >= nextWarningOfWork else { return }
    nextWarningOfWork = time * 2
    line.warn("has been \(what) for \(Int(time / .seconds(1))) s")
  }

  /// Asks rank 0 for attention.
  func callRoot() { line.tell(0, .call) }

  private func answer(_ answer: Note) {
    while let (sender, note) = line.told() {
      switch note {
      case .question: line.tell(sender, answer)
      case .waits: waiting.insert(sender)
      case .works: working.insert(sender)
      case .call: isCalled = true
      }
    }
  }

  private func judge(_ now: ContinuousClock.Instant) {
    guard let asked else {
      if now - since >= limits.warning { ask(now) }
      return
    }
    guard now - asked >= limits.answerTime else { return }
    let silent = hosts.indices.filter { $0 != rank && !waiting.contains($0) && !working.contains($0) }
    let speaks = hosts.indices.first { !silent.contains($0) } == rank
    if silent.isEmpty, !working.isEmpty {
      // It takes long, but it is done: all begins anew.
      (since, self.asked, hasWarned) = (now, nil, false)
      return
    }
    let seconds = (now - since) / .seconds(1)
    if !hasWarned {
      hasWarned = true
      if speaks { line.warn("has waited for \(Int(seconds)) s: \(description(silent))") }
    }
    // Those who do not speak end later, in case that the speaker cannot.
    guard now - since >= limits.timeout + (speaks ? .zero : .seconds(10)) else { return }
    line.end("has waited for \(Int(seconds)) s, and gives up: \(description(silent))")
  }

  private func ask(_ now: ContinuousClock.Instant) {
    asked = now
    waiting = []
    working = []
    for other in hosts.indices where other != rank { line.tell(other, .question) }
  }

  private func description(_ silent: [Int]) -> String {
    if silent.isEmpty { return "all ranks answer, and all wait for each other" }
    let shown = silent.prefix(8).map { "rank \($0) on \(hosts[$0])" }.joined(separator: ", ")
    return "no sign of life from \(shown)\(silent.count > 8 ? " and \(silent.count - 8) more" : "")"
  }
}

/// When a wait for other ranks is too long.
public struct StallLimits: Sendable {
  /// After this the ranks that do not answer are named.
  public var warning: Duration
  /// After this the run ends.
  public var timeout: Duration

  public init(warning: Duration = .seconds(60), timeout: Duration = .seconds(300)) {
    self.warning = warning
    self.timeout = timeout
  }

  /// What a rank has to answer in.
  var answerTime: Duration { min(.seconds(5), warning) }
}

import Dispatch
import Storage
import Synchronization
import Text

/// Writes checkpoints on a thread of its own, one after the other, while training goes on. For rank 0.
final class CheckpointWriter: Sendable {
  /// What became of one checkpoint.
  struct Outcome: Sendable {
    let progress: Progress
    let names: [String]
    /// From the snapshot to the last file's end.
    let seconds: Double
    /// Nil where it was written.
    let failure: Failure?
    /// Why an older one that is not to be kept is still there.
    var pruningFailure: (any Error)?
    /// Whether these names could not be written before.
    var isSecondTry = false
  }

  /// Why a checkpoint was not written.
  enum Failure: Error, CustomStringConvertible {
    case storage(any Error)
    /// The parameters are no numbers any more: the checkpoint before is then the last good one.
    case notFinite

    var description: String {
      switch self {
      case .storage(let error): "\(error)"
      case .notFinite: "some parameters are not finite"
      }
    }
  }

  private let directory: RunDirectory
  private let description: RunDescription
  private let vocabulary: Vocabulary
  private let snapshot = CheckpointSnapshot()
  private let queue = DispatchQueue(label: "checkpoints", qos: .utility)
  /// Entered while something is being written.
  private let writing = DispatchGroup()
  private let outcomes = Mutex<[Outcome]>([])
  /// Names of checkpoints that will never be written.
  private let lost = Mutex<[String]>([])
  /// Names that the snapshot should have in the directory, and has not.
  private let missing = Mutex<[String]>([])
  private let pruner: StepCheckpoints
  /// Whether `last` is one that this writer has written, and so knows to be good.
  private let hasWrittenLast = Mutex(false)

  /// - Throws: `StorageError` if the directory cannot be read.
  init(_ directory: RunDirectory, _ description: RunDescription, _ vocabulary: Vocabulary) throws {
    self.directory = directory
    self.description = description
    self.vocabulary = vocabulary
    pruner = try StepCheckpoints(directory, keep: description.config.keep)
  }

  /// Takes a snapshot, as soon as the one before is written, and begins to write it.
  ///
  /// - Parameter names: of the files, such as `last`: one is written, the others are second names of it.
  func write(_ names: [String], _ trainer: Trainer, _ states: CollectedStates) throws {
    wait()
    // What will not come again has its last chance to be written.
    for name in missing.withLock({ $0 }) where name != "last" && !name.hasPrefix("step-") {
      do { try writeOnceMore([name]) } catch { lost.withLock { $0.append(name) } }
    }
    try snapshot.take(trainer, states, vocabulary)
    let clock = ContinuousClock()
    let began = clock.now
    queue.async(group: writing) { [self] in
      var unwritten = names
      let failure = writeFiles(&unwritten)
      missing.withLock { [unwritten] in $0 = if case .storage = failure { unwritten } else { [] } }
      var pruningFailure: (any Error)?
      do {
        try pruner.add(names.dropLast(unwritten.count), at: snapshot.progress.step)
      } catch { pruningFailure = error }
      let outcome = Outcome(
        progress: snapshot.progress, names: names, seconds: (clock.now - began) / .seconds(1),
        failure: failure, pruningFailure: pruningFailure)
      outcomes.withLock { $0.append(outcome) }
    }
  }

  /// What has been written since the last call, or could not be.
  func takeOutcomes() -> [Outcome] {
    outcomes.withLock { outcomes in
      defer { outcomes = [] }
      return outcomes
    }
  }

  /// The names since the last call of checkpoints such as `best` that could not be written, and cannot be any more.
  func takeLost() -> [String] {
    lost.withLock { names in
      defer { names = [] }
      return names
    }
  }

  /// Returns when nothing is being written.
  func wait() { writing.wait() }

  func wait(atMost time: Duration) {
    _ = writing.wait(timeout: .now() + (time / .seconds(1)))
  }

  /// Writes the last snapshot once more under the names that it lacks; waits for it.
  func writeAgain() throws {
    wait()
    try writeOnceMore(missing.withLock { $0 })
  }

  private func writeOnceMore(_ names: [String]) throws {
    let clock = ContinuousClock()
    let began = clock.now
    try prepareDirectory()
    for name in names { try snapshot.write(to: directory.checkpoint(name)) }
    let outcome = Outcome(
      progress: snapshot.progress, names: names, seconds: (clock.now - began) / .seconds(1), failure: nil,
      isSecondTry: true)
    outcomes.withLock { $0.append(outcome) }
  }

  /// Somebody may have taken the directory away, or have put a link in its place that leads elsewhere.
  private func prepareDirectory() throws {
    guard !isLink(directory.checkpoints) else {
      throw StorageError("write in", directory.checkpoints, .tooManySymbolicLinkLevels)
    }
    try directory.restore(description)
  }

  /// - Parameter names: those that are written are taken away from it.
  private func writeFiles(_ names: inout [String]) -> Failure? {
    guard snapshot.isFinite else { return .notFinite }
    do {
      try prepareDirectory()
      var first: String?
      while let name = names.first {
        let path = directory.checkpoint(name)
        // The new `last` may be the same file as all others, and files can be damaged.
        let kept = name == "last" && hasWrittenLast.withLock { $0 } ? directory.checkpoint("previous") : nil
        if let first {
          // Where the file system has no second names, all checkpoints are files of their own.
          do { try linkAtomically(first, as: path, keepingOldAs: kept) } catch {
            try snapshot.write(to: path, keepingOldAs: kept)
          }
        } else {
          try snapshot.write(to: path, keepingOldAs: kept)
          first = path
        }
        if name == "last" { hasWrittenLast.withLock { $0 = true } }
        names.removeFirst()
      }
      return nil
    } catch { return .storage(error) }
  }
}

/// The `step-K` checkpoints of a run, of which only the newest are kept. Used by the writer's thread alone.
private final class StepCheckpoints: @unchecked Sendable {
  private let directory: RunDirectory
  private let keep: Int
  private var paths: [String]

  init(_ directory: RunDirectory, keep: Int) throws {
    self.directory = directory
    self.keep = keep
    paths = try directory.stepCheckpoints
  }

  /// Removes the oldest beyond those to keep. Those of steps after `step` are of before the run went back, and older than all others.
  func add(_ names: ArraySlice<String>, at step: Int) throws {
    for path in names.map(directory.checkpoint) where directory.step(of: path) != nil && !paths.contains(path)
    {
      paths.append(path)
    }
    func age(_ path: String) -> (Int, Int) {
      let own = directory.step(of: path)!
      return (own > step ? 0 : 1, own)
    }
    paths.sort { age($0) < age($1) }
    while paths.count > keep {
      if kind(of: paths[0]) != .nothing { try removeFile(paths[0]) }
      paths.removeFirst()
    }
  }
}

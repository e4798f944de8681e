import CharModel
import Ranks
import Storage

/// How long hosts take for a training step, measured: ranks as threads of one process, on all hosts at the same time.
public struct HostProfile: Sendable {
  /// What a host does.
  public struct Work: Hashable, Codable, Sendable {
    public let ranks: Int
    /// Of each rank.
    public let threads: Int
    /// Of all its ranks.
    public let streams: Int
    /// Likewise: groups of streams that are added up along the tree.
    public let blocks: Int

    public init(ranks: Int, threads: Int, streams: Int, blocks: Int) {
      self.ranks = ranks
      self.threads = threads
      self.streams = streams
      self.blocks = blocks
    }
  }

  /// The seconds of one step, and of some of its phases, on the slowest host.
  public struct Times: BitwiseCopyable, Sendable {
    public let step: Double
    /// With the loss.
    public let forward: Double
    public let backward: Double
    public let optimizer: Double

    public init(step: Double, forward: Double, backward: Double, optimizer: Double) {
      self.step = step
      self.forward = forward
      self.backward = backward
      self.optimizer = optimizer
    }
  }

  let times: [Work: Times]

  /// As measured, here or elsewhere.
  public init(_ times: [Work: Times]) { self.times = times }

  /// How long to measure each kind of work, beyond the first steps.
  private static let secondsOfEach = 0.3
  private static let fewestSteps = 3
  private static let mostSteps = 100
  private static let windowsOfText = 8

  /// - Parameters:
  ///   - world: with a rank on each host; all measure the same work at the same time.
  ///   - progress: given the part that is done.
  /// - Throws: `AgreedFailure`; `RankError`.
  init(
    _ config: TrainingConfig, _ works: [Work], vocabularyCount: Int, _ world: any World,
    progress: (Double) -> Void
  ) throws {
    let works = Set(works).sorted {
      ($0.ranks, $0.threads, $0.streams, $0.blocks) < ($1.ranks, $1.threads, $1.streams, $1.blocks)
    }
    var times: [Work: Times] = [:]
    for (index, work) in works.enumerated() {
      progress(Double(index) / Double(works.count))
      try world.barrier()
      let own = try world.onAll { try Self.measure(config, work, vocabularyCount) }
      // The host that takes longest makes all others wait.
      times[work] = try world.allGather(own).max { $0.step < $1.step }!
    }
    self.times = times
    progress(1)
  }

  private static func measure(_ config: TrainingConfig, _ work: Work, _ vocabularyCount: Int) throws -> Times
  {
    var config = config
    config.bs = work.streams
    config.threads = work.threads
    config.blocks = work.blocks
    config.bpttJitter = false
    return try ThreadWorld.run(size: work.ranks) { [config] world in
      let text = SharedText(
        measuringWith: config, columns: config.bptt * windowsOfText + 1, vocabularyCount: vocabularyCount,
        world)
      let trainer = try Trainer(config, text, world)
      let clock = PhaseClock()
      trainer.clock = clock
      trainer.beginWhatBegins()
      _ = try trainer.timedStep()
      let expected = try world.broadcast(trainer.timedStep())
      let steps = min(max(Int(secondsOfEach / expected), fewestSteps), mostSteps)
      clock.reset()
      let seconds = try (0..<steps).map { _ in try trainer.timedStep() }.sorted()
      func mean(_ phase: PhaseClock.Phase) -> Double { clock.seconds(in: phase) / Double(steps) }
      return Times(
        step: seconds[steps / 2], forward: mean(.forward) + mean(.loss), backward: mean(.backward),
        optimizer: mean(.optimizer))
    }[0]
  }
}

import CharModel
import Glibc
import Kernels
import Ranks
import Storage

/// Training steps against the clock, on every rank at once.
public struct StepBenchmark {
  public struct Outcome: Codable, Sendable {
    /// Over all ranks, from the median step.
    public let charactersPerSecond: Double
    /// The median and the fastest step; a step lasts until its last rank is done.
    public let stepMilliseconds: Double
    public let fastestStepMilliseconds: Double
    /// Of all ranks' matrix products, at the median step.
    public let gflops: Double
    /// What all ranks' largest products reach, all at the same time.
    public let peakGflops: Double
    public let fractionOfPeak: Double
    /// The largest rank's, in bytes.
    public let peakResidentBytes: Int
    /// From the start of this process to the end of its first step.
    public let secondsToFirstStep: Double
    /// For each rank the mean milliseconds of each phase of a step.
    public let phases: [[String: Double]]
    public let ranks: Int
    public let threads: Int
    public let steps: Int

    /// As JSON on one line.
    public var json: String { get throws { try JSON.line(self) } }
  }

  public let warmUp: Int
  public let steps: Int

  public init(warmUp: Int, steps: Int) {
    self.warmUp = warmUp
    self.steps = steps
  }

  /// - Throws: `RankError`.
  public func run(_ trainer: Trainer) throws -> Outcome {
    let world = trainer.world
    let clock = PhaseClock()
    trainer.clock = clock
    defer { trainer.clock = nil }
    trainer.beginWhatBegins()
    _ = try trainer.timedStep()
    let secondsToFirstStep = secondsSinceStart()
    for _ in 1..<warmUp { _ = try trainer.timedStep() }
    clock.reset()
    let milliseconds = try (0..<steps).map { _ in try trainer.timedStep() * 1000 }
    let resident = try world.allGather(peakResidentBytes()).max()!
    let seconds = try world.allGather(PhaseClock.Phase.allCases.map(clock.seconds))
    let phases = PhaseClock.Phase.allCases.enumerated().map { index, phase in
      (name: "\(phase)", milliseconds: seconds.map { $0[index] * 1000 / Double(steps) })
    }
    setOpenBLASThreads(1)
    try world.barrier()
    let peak = try world.allGather(PeakProduct.measure()).reduce(0, +) * Double(trainer.config.threads)
    let median = milliseconds.sorted()[milliseconds.count / 2]
    let config = trainer.config
    let operations = trainer.model.stepOperations(streams: config.bs, length: config.bptt)
    let speed = operations / (median * 1e-3)
    return Outcome(
      charactersPerSecond: Double(config.bs * config.bptt) / (median * 1e-3), stepMilliseconds: median,
      fastestStepMilliseconds: milliseconds.min()!, gflops: speed * 1e-9, peakGflops: peak * 1e-9,
      fractionOfPeak: speed / peak, peakResidentBytes: resident, secondsToFirstStep: secondsToFirstStep,
      phases: (0..<world.size).map { rank in
        Dictionary(uniqueKeysWithValues: phases.map { ($0.name, $0.milliseconds[rank]) })
      },
      ranks: world.size, threads: config.threads, steps: steps)
  }

  private func peakResidentBytes() -> Int {
    var usage = rusage()
    getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
    return usage.ru_maxrss * 1024
  }

  /// Since this process was started, to the hundredth of a second in which the system counts.
  private func secondsSinceStart() -> Double {
    // The name before the last bracket may hold anything, a bracket too.
    guard let bytes = try? readBytes(of: "/proc/self/stat", from: 0, count: 4096),
      let fields = String(decoding: bytes, as: UTF8.self).split(separator: ")").last?.split(separator: " "),
      fields.count > 19,
      let ticks = Double(fields[19])
    else { return .nan }
    var now = timespec()
    clock_gettime(CLOCK_BOOTTIME, &now)
    return Double(now.tv_sec) + Double(now.tv_nsec) * 1e-9 - ticks / Double(sysconf(Int32(_SC_CLK_TCK)))
  }
}

extension Trainer {
  /// Makes a step, at the end of the text from its start, and waits for all ranks.
  ///
  /// - Returns: the seconds that it has taken.
  /// - Throws: `RankError`.
  func timedStep() throws -> Double {
    if isAtEndOfEpoch { restartText() }
    let start = PhaseClock.now()
    _ = try step(learningRate: learningRate)
    try world.barrier()
    return Double(PhaseClock.now() - start) * 1e-9
  }
}

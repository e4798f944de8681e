import ArgumentParser
import Kernels
import Ranks
import Storage
import Training

struct DebugCommand: CommandWithExamples {
  static let configuration = CommandConfiguration(
    commandName: "debug",
    abstract: "Train with all ranks as threads of one process, every check on.",
    discussion: """
      Takes the options of train, and writes a run's directory as it does. No MPI call is made, so that one debugger, sanitizer or profiler sees all ranks. Prints a hash of \
      the weights after each step: the same as train --print-hash under mpirun.
      """)

  static let examples = [
    Example("4 ranks", "chartrain-dist debug --ranks 4 --max-steps 20"),
    Example(
      "Stopped in the debugger before step 7",
      "gdb -ex run --args chartrain-dist debug --ranks 4 --break-at 7"),
  ]

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Ranks, a thread each, 1 to 4096. Default: 4.", valueName: "n"),
    transform: Number.whole)
  var ranks = 4

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Stop every rank in the debugger before this step, at least 1. Default: never.", valueName: "step"),
    transform: Number.whole)
  var breakAt: Int?

  @OptionGroup var training: TrainingOptions

  func run() throws {
    guard (1...4096).contains(ranks) else {
      throw OptionError(option: "ranks", expected: "1 to 4096", found: "\(ranks)")
    }
    if let breakAt, breakAt < 1 {
      throw OptionError(option: "break-at", expected: "at least 1", found: "\(breakAt)")
    }
    guard breakAt == nil || isUnderDebugger else {
      throw OptionError(option: "break-at", expected: "a debugger around this program", found: "none")
    }
    let config = try training.config()
    if config?.gemm.backend == .openblas { try ensureOpenBLASCore() }
    let options = training
    let breakAt = breakAt
    SignalRequests.install()
    try runOnThreads(ranks) { world in
      setOpenBLASThreads(1)
      let start = try options.start(config, world)
      let logger = ConsoleLogHandler.logger(
        quiet: start.config.quiet, verbose: start.config.verbose, speaks: world.isRoot)
      var inspectors: [any StepInspector] = [DebugChecks(), HashPrinter { Terminal.write($0 + "\n") }]
      if let breakAt { inspectors.append(Breakpoint(step: breakAt)) }
      let observer = options.observer(start.config, nil, logger)
      let run = try TrainingRun(
        start, world, observer, logger, inspectors: inspectors, requests: SignalRequests.take)
      SignalRequests.begin(world)
      return try run.run().status
    }
  }

  /// Whether another process traces this one, as far as the system tells.
  private var isUnderDebugger: Bool {
    guard let status = try? readBytes(of: "/proc/self/status", from: 0, count: 1 << 16) else { return true }
    let lines = String(decoding: status, as: UTF8.self).split(separator: "\n")
    return lines.first { $0.hasPrefix("TracerPid:") }?.hasSuffix("\t0") == false
  }
}

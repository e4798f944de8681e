import ArgumentParser
import FoundationEssentials
import Glibc
import Ranks
import Training

/// A command that every rank runs; all others are the work of one process.
protocol RankedCommand: ParsableCommand {}

/// Runs `body` on that many ranks, threads of this process, and ends it with the status that it returns.
func runOnThreads(_ ranks: Int, _ body: @escaping @Sendable (any World) throws -> Int32) throws -> Never {
  do {
    let statuses = try ThreadWorld.run(size: ranks) { world -> Int32 in
      do {
        try world.checkStartedAlike(try StartTrait.ofProcess(Array(CommandLine.arguments.dropFirst())))
        return try body(world)
      } catch let failure as AgreedFailure {
        guard world.rank == failure.speaker, let cause = failure.cause else { return EXIT_SUCCESS }
        report(Failure.line(cause))
        return Failure.status(cause)
      }
    }
    exit(statuses.first { $0 != EXIT_SUCCESS } ?? EXIT_SUCCESS)
  } catch {
    report(Failure.line(error))
    exit(Failure.status(error))
  }
}

/// Runs `body` on every rank that the launcher started, and ends the process with the status that it returns: MPI's ranks under
/// mpirun, one rank without. The one place that turns an error into the end of all ranks.
///
/// - Parameter limits: those of a rank that hangs while it starts.
func runOnRanks(_ limits: StallLimits = StallLimits(), _ body: (any World) throws -> Int32) throws -> Never {
  guard try Launch(environment: ProcessInfo.processInfo.environment).isMPI else {
    do { exit(try body(ThreadWorld.single())) } catch {
      let cause = (error as? AgreedFailure)?.cause ?? error
      report(Failure.line(cause))
      exit(Failure.status(cause))
    }
  }
  let world = try SignalRequests.starting {
    try MPIWorld(secondsToStart: limits.timeout / .seconds(1)) { report("chartrain-dist: \($0)") }
  }
  do {
    let status: Int32
    do {
      try world.checkStartedAlike(try StartTrait.ofProcess(Array(CommandLine.arguments.dropFirst())))
      status = try body(world)
    } catch let failure as AgreedFailure {
      if world.rank == failure.speaker, let cause = failure.cause {
        report(Failure.line(cause))
      }
      status = try world.allGather(failure.cause.map(Failure.status) ?? EXIT_FAILURE)[failure.speaker]
    }
    try world.finish()
    exit(status)
  } catch {
    report("\(Failure.line(error)) (rank \(world.rank) on \(world.host))")
    world.abort(status: Failure.status(error))
  }
}

/// Shows the user a line about the end of a run, or what may lead to it, and notes it in this rank's log.
private func report(_ line: String) {
  Terminal.writeError(line)
  RankLog.add(line)
}

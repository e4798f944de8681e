import CSignals
import FoundationEssentials
import Glibc
import Ranks
import Training

/// What signals ask of a run.
enum SignalRequests {
  /// From now on signals are requests; to be called before MPI starts. Until ``begin()`` one to stop ends this process at once.
  static func install() {
    // mpirun asks all ranks to stop where one has failed, which has said why.
    let speaks = (try? Launch(environment: ProcessInfo.processInfo.environment).isMPI) == false
    // It must be there as long as the process.
    csignals_install(TrainingRun.Ending.request.status, strdup(speaks ? lastWords : ""))
  }

  private static let lastWords = "chartrain-dist: stopped before the first step: nothing new is saved\n"

  /// Does what makes this process known to others, which it must not leave in the middle of that.
  static func starting<Result>(_ body: () throws -> Result) rethrows -> Result {
    csignals_start()
    defer { csignals_started() }
    return try body()
  }

  /// From now on there is something to save, on every rank of `world`. A rank that a second SIGINT ends says which one it is.
  static func begin(_ world: any World) {
    let status = 128 + SIGINT
    let words =
      "chartrain-dist: error: rank \(world.rank) on \(world.host) left the run with status \(status)\n"
    csignals_begin(strdup(world.size > 1 ? words : ""))
  }

  static func take() -> RunRequests {
    let taken = Int(csignals_take())
    return (taken & CSIGNALS_STOP == 0 ? [] : RunRequests.stop).union(taken & CSIGNALS_SAVE == 0 ? [] : .save)
  }
}

extension TrainingRun.Ending {
  /// The exit status of a run that ended so.
  var status: Int32 {
    switch self {
    case .finished, .maximumSteps: EXIT_SUCCESS
    case .request: EX_TEMPFAIL
    }
  }
}

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

  /// From now on there is something to save.
  static func begin() { csignals_begin() }

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

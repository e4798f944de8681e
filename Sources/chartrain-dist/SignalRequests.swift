import CSignals
import Glibc
import Training

/// What signals ask of a run.
enum SignalRequests {
  /// From now on signals are requests; to be called before MPI starts. Until ``begin()`` one to stop ends this process at once.
  static func install() { csignals_install(TrainingRun.Ending.request.status) }

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

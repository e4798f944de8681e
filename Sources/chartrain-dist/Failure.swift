import ArgumentParser
import CharModel
import Glibc
import Ranks
import SafeTensors
import Storage
import Text
import Training

/// From an error to the one line about it and the exit status.
enum Failure {
  /// The exit status for `error`.
  static func status(_ error: any Error) -> Int32 {
    switch error {
    case is OptionError, is OptionsDiffer, is ModelConfigError, is MemoryError, is RankStartedOtherwise,
      is RanksShareHost, is NoRun:
      EX_USAGE
    case is TextError, is ConfigFileError, is MetricsError, is CheckpointError, is SafeTensorsError,
      is VocabularyError:
      EX_DATAERR
    case is StorageError, is FinalSaveFailed, is RunInUse: EX_IOERR
    case is TrainingRun.Diverged: EX_SOFTWARE
    case is RanksDiffer, is DebugFinding, is RankError: EXIT_FAILURE
    default: ChartrainDist.exitCode(for: error).rawValue
    }
  }

  /// The line for `error`, control characters made visible.
  static func line(_ error: any Error) -> String {
    "chartrain-dist: error: \(ChartrainDist.message(for: error).inOneVisibleLine)"
  }

  /// Ends this process because of `error`, found before MPI started and so, as a rule, by every rank at once: rank 0
  /// reports it. Also where `error` is a request for help.
  static func end(_ error: any Error, _ launch: Launch?) -> Never {
    let status = status(error)
    guard launch?.isRoot ?? true else {
      // mpirun kills all ranks as soon as one ends with a failure: that must be rank 0, once it has spoken.
      if status != 0 {
        sleep(20)
        // Rank 0 has nothing to say: it is this host that differs.
        Terminal.writeError("\(line(error)) (rank \(launch!.rank) on \(hostName()))")
      }
      exit(status)
    }
    if status == 0 {
      print(ChartrainDist.messageWithExamples(for: error))
      do { try Terminal.checkOutput() } catch {
        Terminal.writeError(line(error))
        exit(self.status(error))
      }
    } else {
      Terminal.writeError(line(error))
    }
    exit(status)
  }
}

import ArgumentParser
import FoundationEssentials
import Ranks

@main
struct ChartrainDist: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "chartrain-dist",
    abstract: "Trains character-level RNN, GRU and LSTM language models on many MPI ranks.",
    discussion: """
      mpirun -n 4 chartrain-dist                      train on the built-in corpus on 4 ranks
      mpirun -n 4 chartrain-dist --train text.txt     train on a text of your own
      chartrain-dist sample --checkpoint runs/.../checkpoints/best.safetensors

      Without mpirun it trains as one rank. 'chartrain-dist help train' lists the options of training.
      """,
    version: version,
    subcommands: [
      TrainCommand.self, SampleCommand.self, EvalCommand.self, InspectCommand.self, ExportCommand.self,
    ],
    defaultSubcommand: TrainCommand.self)

  static let version = "0.1.0"

  /// Parses, runs, and ends the process with the exit status that `docs/exit-statuses.md` lists. Under mpirun
  /// only rank 0 speaks of what all ranks find wrong.
  static func main() {
    do {
      let launch = try Launch(environment: ProcessInfo.processInfo.environment)
      do {
        var command = try parseAsRoot()
        try command.run()
      } catch {
        Failure.end(error, launch)
      }
    } catch {
      Failure.end(error, nil)
    }
  }
}

import ArgumentParser
import FoundationEssentials
import Ranks
import Training

@main
struct ChartrainDist: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "chartrain-dist",
    abstract: "Trains character-level RNN, GRU and LSTM language models on many MPI ranks.",
    discussion: "Without mpirun it trains as one rank.",
    version: programVersion,
    subcommands: [
      TrainCommand.self, LRFindCommand.self, SampleCommand.self, EvalCommand.self, InspectCommand.self,
      ExportCommand.self, PlotCommand.self, ReportCommand.self, WatchCommand.self,
      BenchCommand.self, PlanCommand.self,
      DebugCommand.self,
    ],
    defaultSubcommand: TrainCommand.self)

  /// Parses, runs, and ends the process with the exit status that the README lists. Under mpirun
  /// only rank 0 speaks of what all ranks find wrong.
  static func main() {
    do {
      let launch = try Launch(environment: ProcessInfo.processInfo.environment)
      do {
        try checkCommandName(Array(CommandLine.arguments.dropFirst()))
        var command = try parseAsRoot()
        // All other commands are the work of one process.
        guard launch.isRoot || command is RankedCommand else { return }
        try command.run()
      } catch {
        Failure.end(error, launch)
      }
    } catch {
      Failure.end(error, nil)
    }
  }

  /// A first word that is no option must be a command; the parser alone would take it for a stray argument of `train`.
  private static func checkCommandName(_ arguments: [String]) throws {
    let word = arguments.first == "help" ? arguments.dropFirst().first : arguments.first
    guard let word, !word.hasPrefix("-") else { return }
    let known = configuration.subcommands.compactMap { $0.configuration.commandName } + ["help"]
    guard !known.contains(word) else { return }
    throw ValidationError("unknown command '\(word)': \(UnknownName(word, known: known))")
  }
}

import ArgumentParser
import CSignals
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
    csignals_prepare()
    do {
      let launch = try Launch(environment: ProcessInfo.processInfo.environment)
      do {
        try checkEncoding()
        try checkCommandName(Array(CommandLine.arguments.dropFirst()))
        let arguments = Array(CommandLine.arguments.dropFirst())
        var command: any ParsableCommand
        do { command = try parseAsRoot() } catch { throw misspelling(arguments, error) ?? error }
        // All other commands are the work of one process.
        guard launch.isRoot || command is RankedCommand else { return }
        try command.run()
        try Terminal.checkOutput()
      } catch {
        Failure.end(error, launch)
      }
    } catch {
      Failure.end(error, nil)
    }
  }

  /// Where an option is missing, the one among `arguments` that may have been meant to be it: the parser alone would not name it.
  private static func misspelling(_ arguments: [String], _ error: any Error) -> (any Error)? {
    guard message(for: error).hasPrefix("Missing expected argument") else { return nil }
    let type = configuration.subcommands.first { $0.configuration.commandName == arguments.first }
    guard let type else { return nil }
    let known = type.helpMessage(includeHidden: true, columns: 1000).matches(of: /--[a-z][a-z-]+/).map {
      String($0.0)
    }
    let words = arguments.filter { $0.hasPrefix("--") }.map { String($0.prefix { $0 != "=" }) }
    guard let stranger = words.first(where: { $0 != "--" && !known.contains($0) }) else { return nil }
    let suggestion = nearest(to: stranger, in: known).map { ". Did you mean '\($0)'?" } ?? ""
    return ValidationError("Unknown option '\(stranger)'\(suggestion)")
  }

  /// What is not UTF-8 would become another name.
  private static func checkEncoding() throws {
    for index in 0..<Int(CommandLine.argc) {
      guard let argument = CommandLine.unsafeArgv[index], String(validatingCString: argument) == nil else {
        continue
      }
      throw ValidationError("expected arguments in UTF-8, found '\(String(cString: argument))'")
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

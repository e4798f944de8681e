import ArgumentParser

/// A command whose help ends with examples, for which the parser has no place.
protocol CommandWithExamples: ParsableCommand {
  static var examples: [Example] { get }
}

/// A command line, of one line, and what it is for.
struct Example {
  let purpose: String
  let command: String

  init(_ purpose: String, _ command: String) {
    self.purpose = purpose
    self.command = command
  }
}

extension ChartrainDist: CommandWithExamples {
  static let examples = [
    Example("On 4 ranks, on the built-in corpus", "mpirun -n 4 chartrain-dist"),
    Example("On a text of your own", "mpirun -n 4 chartrain-dist --train text.txt"),
    Example("All options of training", "chartrain-dist help train"),
  ]

  /// The parser's message for `error`, with the command's examples where it is a help.
  static func messageWithExamples(for error: any Error) -> String {
    let message = fullMessage(for: error)
    guard let usage = message.firstMatch(of: #/^USAGE: chartrain-dist (\S+)/#.anchorsMatchLineEndings()),
      let command = ([self] + configuration.subcommands).first(where: {
        $0.configuration.commandName! == usage.1 || $0 == self && usage.1 == "<subcommand>"
      }) as? any CommandWithExamples.Type
    else { return message }
    let lines = command.examples.map { "  \($0.purpose):\n    $ \($0.command)" }
    let end = message.lastIndex { !$0.isNewline }!
    return message[...end] + "\n\nEXAMPLES:\n" + lines.joined(separator: "\n")
  }
}

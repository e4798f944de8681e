import ArgumentParser
import Glibc
import Training

/// What a sample begins with, and where it ends.
struct SampleTextOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Text to go on from; it is printed first. Default: a new line, not printed.", valueName: "text"))
  var prime: String?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Characters to write, at least 0. Default: 1000; with --interactive 200 at a time.", valueName: "n"),
    transform: Number.whole)
  var length: Int?

  @Option(
    help: ArgumentHelp(
      "Stop where this text has been written. Default: only after --length.", valueName: "text"))
  var until: String?

  @Option(
    parsing: .unconditional, help: ArgumentHelp("Samples to write, at least 1. Default: 1.", valueName: "n"),
    transform: Number.whole)
  var count = 1

  /// - Throws: `OptionError`.
  func checkValues() throws {
    if let length, length < 0 {
      throw OptionError(option: "length", expected: "at least 0", found: "\(length)")
    }
    if until == "" { throw OptionError(option: "until", expected: "a text", found: "nothing") }
    if count < 1 { throw OptionError(option: "count", expected: "at least 1", found: "\(count)") }
  }
}

/// How each character is chosen.
struct SampleChoiceOptions: ParsableArguments {
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Divides the logits, at least 0; 0 always takes the likeliest character. Default: 1.", valueName: "t"),
    transform: Number.real)
  var temperature = 1.0

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Choose among the K likeliest characters only, at least 1. Default: all.", valueName: "k"),
    transform: Number.whole)
  var topK: Int?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Choose among the fewest characters that have this much of the probability, above 0 and at most 1. Default: 1.",
      valueName: "p"
    ),
    transform: Number.real)
  var topP: Double?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Of the random numbers: a whole number from 0. Default: 0.", valueName: "n"),
    transform: Number.seed)
  var seed: UInt64 = 0

  @Flag(
    help:
      "Feed the last characters, as many as the prime has, again at each step on top of the carried state, as fast.ai's notebook did."
  )
  var refeedWindow = false

  /// - Throws: `OptionError`.
  func options() throws -> SamplingOptions {
    var options = SamplingOptions()
    options.temperature = temperature
    options.topK = topK
    options.topP = topP
    options.refeedsWindow = refeedWindow
    try options.checkValues()
    return options
  }
}

/// How samples are shown.
struct SampleDisplayOptions: ParsableArguments {
  enum Coloring: String, CaseIterable, Sendable {
    case auto
    case always
    case never
  }

  @Flag(
    help:
      "Type the start of a text, see it go on; an empty line lets it go on further. Ctrl-C ends the model's turn, Ctrl-D the program. On a terminal lines can be edited and come back with the arrow keys where libedit is installed."
  )
  var interactive = false

  @Option(
    help: ArgumentHelp(
      "Colour each character by how unlikely the model found it: 'auto' on a terminal unless NO_COLOR is set, 'always', 'never'. Default: never.",
      valueName: "when"), completion: Choice.names(Coloring.self), transform: Choice.of(Coloring.self))
  var color = Coloring.never

  @Flag(help: "Write control characters as they are; only where the output is no terminal.")
  var raw = false

  func validate() throws {
    if raw, Terminal.isTerminal() {
      throw ValidationError("--raw: expected an output that is no terminal, such as a file")
    }
    if raw, color == .always {
      throw ValidationError("--raw cannot be used with --color always: expected one of them")
    }
  }

  var hasColors: Bool {
    switch color {
    case .auto: Terminal.allowsColors
    case .always: true
    case .never: false
    }
  }
}

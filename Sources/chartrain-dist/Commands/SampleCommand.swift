import ArgumentParser
import Glibc
import Text
import Training

struct SampleCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "sample",
    abstract: "Write text with a trained model.",
    discussion: """
      $ chartrain-dist sample --checkpoint RUN_DIR --prime 'The '
      $ chartrain-dist sample --checkpoint FILE --length 500 --temperature 0.8 --top-k 40 --top-p 0.95 --seed 7 --count 3
      """)

  @OptionGroup var model: ModelFileOption

  @Option(
    help: ArgumentHelp(
      "Text to go on from; it is printed first. Default: a new line, not printed.", valueName: "text"))
  var prime: String?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Characters to write, at least 0. Default: 1000.", valueName: "n"),
    transform: Number.whole)
  var length = 1000

  @Option(
    help: ArgumentHelp(
      "Stop where this text has been written. Default: only after --length.", valueName: "text"))
  var until: String?

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

  @Option(
    parsing: .unconditional, help: ArgumentHelp("Samples to write, at least 1. Default: 1.", valueName: "n"),
    transform: Number.whole)
  var count = 1

  @Flag(
    help:
      "Feed the last characters, as many as the prime has, again at each step on top of the carried state, as fast.ai's notebook did."
  )
  var refeedWindow = false

  @Flag(help: "Write control characters as they are; only where the output is no terminal.")
  var raw = false

  func validate() throws {
    if raw, isatty(STDOUT_FILENO) == 1 {
      throw ValidationError("--raw: expected an output that is no terminal, such as a file")
    }
  }

  func run() throws {
    if length < 0 { throw OptionError(option: "length", expected: "at least 0", found: "\(length)") }
    if until == "" { throw OptionError(option: "until", expected: "a text", found: "nothing") }
    if count < 1 { throw OptionError(option: "count", expected: "at least 1", found: "\(count)") }
    try options.checkValues()
    let checkpoint = try model.load()
    let parameters = try checkpoint.loadParameters()
    let vocabulary = checkpoint.vocabulary
    let primeTokens = try prime.map {
      try Tokens(prime: $0, format: checkpoint.card.format, vocabulary: vocabulary)
    }
    let given = primeTokens.map { tokens in (0..<tokens.count).map { tokens[$0] } } ?? []
    let unknown = given.count { $0 == Vocabulary.unknown }
    if unknown > 0 {
      Terminal.writeError(
        "chartrain-dist: warning: the model does not know \(unknown) of the prime's characters: read as <unk>, shown as \u{FFFD}"
      )
    }
    for number in 0..<count {
      if count > 1 { Terminal.write("--- sample \(number + 1)\n") }
      var writer = TokenWriter(vocabulary, unit: checkpoint.card.format.unit, raw: raw)
      for token in given { Terminal.write(writer.write(token)) }
      var sampler = Sampler(
        parameters, prime: given.isEmpty ? [vocabulary.defaultPrime] : given, options: options,
        seed: seed, number: number)
      var end = EndOfText(until)
      sampler.write(length, writer, while: { !end.isReached }) { bytes in
        Terminal.write(bytes)
        end.add(bytes)
      }
      Terminal.write("\n")
    }
  }

  private var options: SamplingOptions {
    var options = SamplingOptions()
    options.temperature = temperature
    options.topK = topK
    options.topP = topP
    options.refeedsWindow = refeedWindow
    return options
  }
}

/// Looks out for a text in what is written.
private struct EndOfText {
  private let wanted: [UInt8]
  /// The last bytes, as many as the text has.
  private var last: [UInt8] = []
  private(set) var isReached = false

  init(_ text: String?) { wanted = Array((text ?? "").utf8) }

  mutating func add(_ bytes: [UInt8]) {
    guard !wanted.isEmpty else { return }
    for byte in bytes {
      if last.count == wanted.count { last.removeFirst() }
      last.append(byte)
      if last == wanted { isReached = true }
    }
  }
}

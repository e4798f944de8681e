import ArgumentParser
import CharModel
import Glibc
import Kernels
import Text
import Training

struct SampleCommand: ParsableCommand {
  enum Coloring: String, CaseIterable, Sendable {
    case auto
    case always
    case never
  }

  static let configuration = CommandConfiguration(
    commandName: "sample",
    abstract: "Write text with a trained model.",
    discussion: """
      $ chartrain-dist sample --checkpoint RUN_DIR --prime 'The '
      $ chartrain-dist sample --checkpoint FILE --length 500 --temperature 0.8 --top-k 40 --top-p 0.95 --seed 7 --count 3
      $ chartrain-dist sample --checkpoint RUN_DIR --interactive --color auto

      Samples are written side by side, 64 at a time, and shown one after the other; what each says depends on its number and --seed, not on --count.
      """)

  @OptionGroup var model: ModelFileOption

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

  @Flag(
    help:
      "Type the start of a text, see it go on; an empty line lets it go on further. Ctrl-C ends the model's turn, Ctrl-D the program. On a terminal lines can be edited and come back with the arrow keys where libedit is installed."
  )
  var interactive = false

  @Option(
    help: ArgumentHelp(
      "Colour each character by how unlikely the model found it: 'auto' on a terminal unless NO_COLOR is set, 'always', 'never'. Default: never.",
      valueName: "when"), transform: Choice.of(Coloring.self))
  var color = Coloring.never

  @Flag(help: "Write control characters as they are; only where the output is no terminal.")
  var raw = false

  func validate() throws {
    if raw, isatty(STDOUT_FILENO) == 1 {
      throw ValidationError("--raw: expected an output that is no terminal, such as a file")
    }
    if raw, color == .always {
      throw ValidationError("--raw cannot be used with --color always: expected one of them")
    }
    if interactive, prime != nil || count > 1 {
      throw ValidationError(
        "--interactive: expected no \(prime != nil ? "--prime" : "--count"), whose place the lines take that are typed"
      )
    }
  }

  func run() throws {
    if let length, length < 0 {
      throw OptionError(option: "length", expected: "at least 0", found: "\(length)")
    }
    if until == "" { throw OptionError(option: "until", expected: "a text", found: "nothing") }
    if count < 1 { throw OptionError(option: "count", expected: "at least 1", found: "\(count)") }
    try options.checkValues()
    let checkpoint = try model.load()
    let parameters = try checkpoint.loadParameters()
    let ending = try ending(checkpoint)
    if interactive {
      try Conversation(
        sampler: { line, number in
          let prime = try tokens(line, checkpoint)
          let sampler = try Sampler(
            parameters, prime: start(prime, checkpoint), options: options, seed: seed,
            numbers: number..<number + 1, Compute(.fastest))
          return (sampler, prime)
        }, newText: { newText(checkpoint, until: ending) }, length: length ?? 200
      ).run()
    } else {
      try writeSamples(checkpoint, parameters, until: ending)
    }
    if hasColors { Terminal.write("\n" + SampleText.legend + "\n") }
  }

  private func writeSamples(
    _ checkpoint: Checkpoint, _ parameters: ParameterSet, until ending: [UInt16]
  ) throws {
    let given = try prime.map { try tokens($0, checkpoint) } ?? []
    for first in stride(from: 0, to: count, by: Sampler.mostAtOnce) {
      let numbers = first..<min(count, first + Sampler.mostAtOnce)
      let sampler = try Sampler(
        parameters, prime: start(given, checkpoint), options: options, seed: seed, numbers: numbers,
        Compute(.fastest))
      var texts = numbers.map { _ in newText(checkpoint, until: ending) }
      // The first is shown as it comes, the others then.
      var waiting = numbers.map { _ in [UInt8]() }
      func show(_ bytes: [UInt8], _ index: Int) {
        if index == 0 { Terminal.write(bytes) } else { waiting[index] += bytes }
      }
      for index in texts.indices {
        if count > 1 { show(Array("--- sample \(numbers.lowerBound + index + 1)\n".utf8), index) }
        for token in given { show(texts[index].give(token), index) }
      }
      for _ in 0..<(length ?? 1000) {
        if texts.allSatisfy(\.isOver) { break }
        for (index, choice) in sampler.next().enumerated() { show(texts[index].add(choice), index) }
      }
      for index in texts.indices {
        show(texts[index].flush() + Array("\n".utf8), index)
        Terminal.write(waiting[index])
      }
    }
  }

  /// What the model reads first, also where nothing is given.
  private func start(_ given: [UInt16], _ checkpoint: Checkpoint) -> [UInt16] {
    given.isEmpty ? [checkpoint.vocabulary.defaultPrime] : given
  }

  private func newText(_ checkpoint: Checkpoint, until ending: [UInt16]) -> SampleText {
    SampleText(
      TokenWriter(checkpoint.vocabulary, unit: checkpoint.card.format.unit, raw: raw), hasColors: hasColors,
      until: ending)
  }

  /// What `--until` says, as the model would write it.
  private func ending(_ checkpoint: Checkpoint) throws -> [UInt16] {
    guard let until else { return [] }
    let tokens = try Tokens(prime: until, format: checkpoint.card.format, vocabulary: checkpoint.vocabulary)
    guard tokens.count > 0, tokens.unknownCount == 0 else {
      throw OptionError(
        option: "until", expected: "a text of characters that the model knows",
        found: "'\(until.inOneVisibleLine)'")
    }
    return (0..<tokens.count).map { tokens[$0] }
  }

  private func tokens(_ prime: String, _ checkpoint: Checkpoint) throws -> [UInt16] {
    let tokens = try Tokens(prime: prime, format: checkpoint.card.format, vocabulary: checkpoint.vocabulary)
    if tokens.unknownCount > 0 {
      Terminal.writeError(
        "chartrain-dist: warning: the model does not know \(tokens.unknownCount) of the prime's characters: read as <unk>, shown as \u{FFFD}"
      )
    }
    return (0..<tokens.count).map { tokens[$0] }
  }

  private var hasColors: Bool {
    switch color {
    case .auto: Terminal.allowsColors
    case .always: true
    case .never: false
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

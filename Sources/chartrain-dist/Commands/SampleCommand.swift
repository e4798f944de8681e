import ArgumentParser
import CharModel
import Glibc
import Kernels
import Text
import Training

struct SampleCommand: CommandWithExamples {
  static let configuration = CommandConfiguration(
    commandName: "sample",
    abstract: "Write text with a trained model.",
    discussion: """
      Samples are written side by side, 64 at a time, and shown one after the other; what each says depends on its number and --seed, not on --count.
      """)

  static let examples = [
    Example(
      "From the best checkpoint of a run, after some words",
      "chartrain-dist sample --checkpoint runs/a --prime 'The '"),
    Example(
      "Three samples, less daring",
      "chartrain-dist sample --checkpoint runs/a --temperature 0.8 --top-p 0.95 --seed 7 --count 3"),
    Example("In turns, in colours", "chartrain-dist sample --checkpoint runs/a --interactive --color auto"),
  ]

  @OptionGroup(title: "Model") var model: ModelFileOption
  @OptionGroup(title: "Text") var text: SampleTextOptions
  @OptionGroup(title: "Choice of characters") var choice: SampleChoiceOptions
  @OptionGroup(title: "Display") var display: SampleDisplayOptions

  func validate() throws {
    if display.interactive, text.prime != nil || text.count > 1 {
      throw ValidationError(
        "--interactive: expected no \(text.prime != nil ? "--prime" : "--count"), whose place the lines take that are typed"
      )
    }
  }

  func run() throws {
    try text.checkValues()
    let options = try choice.options()
    let checkpoint = try model.load()
    let parameters = try checkpoint.loadParameters()
    let ending = try ending(checkpoint)
    func sampler(_ prime: [UInt16], _ numbers: Range<Int>) throws -> Sampler {
      try Sampler(
        parameters, prime: prime.isEmpty ? [checkpoint.vocabulary.defaultPrime] : prime, options: options,
        seed: choice.seed, numbers: numbers, Compute(.fastest))
    }
    func newText() -> SampleText {
      SampleText(
        TokenWriter(checkpoint.vocabulary, unit: checkpoint.card.format.unit, raw: display.raw),
        hasColors: display.hasColors, until: ending)
    }
    if display.hasColors { Terminal.write(SampleText.legend + "\n\n") }
    if display.interactive {
      try Conversation(
        sampler: { line, number in
          let prime = try tokens(line, checkpoint)
          return (try sampler(prime, number..<number + 1), prime)
        }, newText: newText, length: text.length ?? 200
      ).run()
    } else {
      let given = try text.prime.map { try tokens($0, checkpoint) } ?? []
      for first in stride(from: 0, to: text.count, by: Sampler.mostAtOnce) {
        let numbers = first..<min(text.count, first + Sampler.mostAtOnce)
        write(try sampler(given, numbers), numbers, given, newText)
      }
    }
  }

  /// The samples of those `numbers`: the first is shown as it comes, the others then.
  private func write(
    _ sampler: Sampler, _ numbers: Range<Int>, _ given: [UInt16], _ newText: () -> SampleText
  ) {
    var texts = numbers.map { _ in newText() }
    var waiting = numbers.map { _ in [UInt8]() }
    func show(_ bytes: [UInt8], _ index: Int) {
      if index == 0 { Terminal.write(bytes) } else { waiting[index] += bytes }
    }
    for index in texts.indices {
      if text.count > 1 { show(Array("--- sample \(numbers.lowerBound + index + 1)\n".utf8), index) }
      for token in given { show(texts[index].give(token), index) }
    }
    for _ in 0..<(text.length ?? 1000) {
      if texts.allSatisfy(\.isOver) { break }
      for (index, choice) in sampler.next().enumerated() { show(texts[index].add(choice), index) }
    }
    for index in texts.indices {
      show(texts[index].flush() + Array("\n".utf8), index)
      Terminal.write(waiting[index])
    }
  }

  /// What `--until` says, as the model would write it.
  private func ending(_ checkpoint: Checkpoint) throws -> [UInt16] {
    guard let until = text.until else { return [] }
    let format = checkpoint.card.format
    guard format.newlines == .keep || !until.contains(where: \.isNewline) else {
      throw OptionError(
        option: "until", expected: "no line end, since the model has learned from a text without them",
        found: "'\(until.inOneVisibleLine)'")
    }
    let tokens = try Tokens(prime: until, format: format, vocabulary: checkpoint.vocabulary)
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
}

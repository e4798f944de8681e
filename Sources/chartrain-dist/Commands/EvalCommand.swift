import ArgumentParser
import Kernels
import Text
import Training

struct EvalCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "eval",
    abstract: "Measure how well a trained model predicts a text.",
    discussion: """
      The text is split into streams of equal length; what is left over at its end is not used. The first character of each is given, the others are predicted.

      $ chartrain-dist eval --checkpoint RUN_DIR --data other.txt
      """)

  @OptionGroup var model: ModelFileOption

  @Option(help: ArgumentHelp("The text: a file or a directory.", valueName: "path"))
  var data: String

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Streams to split the text into, each from a zero state, at least 1. Default: as in training, at most what the text allows.",
      valueName: "n"), transform: Number.whole)
  var bs: Int?

  @Flag(help: "Print one JSON object.")
  var json = false

  func run() throws {
    if let bs, !(1...TrainingConfig.maximumStreams).contains(bs) {
      throw OptionError(option: "bs", expected: "1 to \(TrainingConfig.maximumStreams)", found: "\(bs)")
    }
    let checkpoint = try model.load()
    let source = TextSource.path(data)
    let tokens = try Tokens(
      source: source, format: checkpoint.card.format, vocabulary: checkpoint.vocabulary)
    let streams =
      bs ?? Evaluator.streams(wanted: checkpoint.card.streams ?? TrainingConfig().bs, count: tokens.count)
    let unknown = tokens.unknownCount
    if unknown > 0 {
      Terminal.writeError(
        "chartrain-dist: warning: the model does not know \(grouped(unknown)) of \(grouped(tokens.count)) characters: "
          + "read as <unk>")
    }
    let parameters = try checkpoint.loadParameters()
    let evaluation = try Evaluator(parameters, tokens, streams: streams, name: source.name, Compute(.fastest))
      .evaluate()
    let leftOver = tokens.count % streams
    if json {
      return print(
        try evaluation.jsonLine(streams: streams, unknownCharacters: unknown, charactersLeftOver: leftOver))
    }
    print(
      """
      nats per character   \(fixed(evaluation.natsPerCharacter, 6))
      bits per character   \(fixed(evaluation.bitsPerCharacter, 6))
      perplexity           \(fixed(evaluation.perplexity, 6))
      characters           \(grouped(evaluation.characters)) predicted in \(streams) \(streams == 1 ? "stream" : "streams")\(leftOver == 0 ? "" : ", \(leftOver) at the end left over")
      """)
  }
}

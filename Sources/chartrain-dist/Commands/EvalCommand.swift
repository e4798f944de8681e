import ArgumentParser
import Kernels
import Text
import Training

struct EvalCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "eval",
    abstract: "Measure how well a trained model predicts a text.")

  @Option(help: ArgumentHelp("The model.", valueName: "file"))
  var checkpoint: String

  @Option(help: ArgumentHelp("The text: a file or a directory.", valueName: "path"))
  var data: String

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Streams to split the text into, each from a zero state. Default: as in training, at most what the text allows.",
      valueName: "n"), transform: Number.whole)
  var bs: Int?

  @Flag(help: "Print one JSON object.")
  var json = false

  func run() throws {
    if let bs, !(1...TrainingConfig.maximumStreams).contains(bs) {
      throw OptionError(option: "bs", expected: "1 to \(TrainingConfig.maximumStreams)", found: "\(bs)")
    }
    let checkpoint = try Checkpoint(path: checkpoint)
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
    if json { return print(try evaluation.jsonLine) }
    print(
      """
      nats per character   \(fixed(evaluation.natsPerCharacter, 6))
      bits per character   \(fixed(evaluation.bitsPerCharacter, 6))
      perplexity           \(fixed(evaluation.perplexity, 6))
      characters           \(grouped(evaluation.characters)) in \(streams) \(streams == 1 ? "stream" : "streams")
      """)
  }
}

import ArgumentParser
import Kernels
import Storage
import Text
import Training

struct EvalCommand: CommandWithExamples {
  static let configuration = CommandConfiguration(
    commandName: "eval",
    abstract: "Measure how well a trained model predicts a text.",
    discussion: """
      The text is split into streams of equal length; what is left over at its end is not used. The first character of each is given, the others are predicted.
      """)

  static let examples = [
    Example("The loss of a text", "chartrain-dist eval --checkpoint runs/a --data other.txt"),
    Example(
      "What each character costs, and what surprises most",
      "chartrain-dist eval --checkpoint runs/a --data other.txt --heatmap other.html --surprising 10"),
    Example(
      "While it goes on learning", "chartrain-dist eval --checkpoint runs/a --data other.txt --dynamic 0.01"),
  ]

  @OptionGroup var model: ModelFileOption

  @Option(help: ArgumentHelp("The text: a file or a directory.", valueName: "path"), completion: .file())
  var data: String

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Streams to split the text into, each from a zero state, 1 to \(TrainingConfig.maximumStreams). Default: as in training, at most what the text allows; 1 with --heatmap, "
        + "--surprising or --dynamic.",
      valueName: "n"), transform: Number.whole)
  var bs: Int?

  @Option(
    help: ArgumentHelp(
      "Write what each character cost to this file: a page in colours if it ends in .html, a table if in .csv. Default: none.",
      valueName: "file"), completion: .file())
  var heatmap: String?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Show the N passages of \(SurprisingPassage.length) characters that are predicted worst, 1 to 1000. Default: none.",
      valueName: "n"),
    transform: Number.whole)
  var surprising: Int?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Go on learning while reading (dynamic evaluation): the rate of plain gradient descent on every \(Evaluator.windowLengthToLearn) characters once they are predicted, above 0. The "
        + "checkpoint stays as it is. Default: off.", valueName: "lr"),
    transform: Number.real)
  var dynamic: Double?

  @Flag(help: "Print one JSON object.")
  var json = false

  private static let passagesOnPage = 10
  /// In a stream: with fewer the loss of the first ones, of which a model knows nothing, weighs.
  private static let fewCharacters = 100

  func run() throws {
    try checkValues()
    let checkpoint = try model.load()
    let source = TextSource.path(data)
    let tokens = try read(source, checkpoint)
    let streams = streams(checkpoint, tokens)
    let leftOver = tokens.count % streams
    if bs == nil, streams > 1, tokens.count / streams < Self.fewCharacters {
      Terminal.writeError(
        "chartrain-dist: warning: each of \(streams) streams has only \(tokens.count / streams) characters, and its model begins without a state: "
          + "--bs 1 reads the text as one")
    }
    let evaluator = try Evaluator(
      try checkpoint.loadParameters(), tokens, streams: streams, name: source.name,
      learningRate: dynamic.map(Float.init), Compute(.fastest))
    let (evaluation, predictions) = evaluate(evaluator)
    try check(evaluation)
    let map = HeatMap(
      tokens: tokens, vocabulary: checkpoint.vocabulary, unit: checkpoint.card.format.unit,
      predictions: predictions)
    let passages =
      wantsPassages
      ? SurprisingPassage.worst(predictions.losses, count: surprising ?? Self.passagesOnPage) : []
    let facts = facts(evaluation, streams: streams, leftOver: leftOver)
    if let heatmap {
      try write(
        map, to: heatmap, [("model", checkpoint.file.path)] + facts, passages, of: source)
    }
    let asked = surprising.map { _ in passages.map { ($0, map.passage($0.characters)) } }
    if json {
      return print(
        try evaluation.jsonLine(
          streams: streams, unknownCharacters: tokens.unknownCount,
          charactersLeftOver: leftOver, dynamicRate: dynamic, passages: asked))
    }
    show(facts, asked)
  }

  /// - Throws: `TextError`, `StorageError`; `OptionError` where a page could not hold it.
  private func read(_ source: TextSource, _ checkpoint: Checkpoint) throws -> Tokens {
    let tokens = try Tokens(
      source: source, format: checkpoint.card.format, vocabulary: checkpoint.vocabulary)
    if let heatmap, heatmap.hasSuffix(".html"), tokens.count > HeatMap.mostOnPage {
      throw OptionError(
        option: "heatmap",
        expected: "a text of at most \(grouped(HeatMap.mostOnPage)) characters for a page, or a .csv",
        found: "\(grouped(tokens.count)) characters")
    }
    if tokens.unknownCount > 0 {
      Terminal.writeError(
        "chartrain-dist: warning: the model does not know \(grouped(tokens.unknownCount)) of \(grouped(tokens.count)) characters: "
          + "read as <unk>")
    }
    return tokens
  }

  /// Standard output is for the result.
  private func evaluate(_ evaluator: Evaluator) -> (Evaluation, CharacterPredictions) {
    var display = ProgressDisplay(on: .error)
    defer { display.clear() }
    func show(_ fraction: Double) {
      let rate = fraction * Double(evaluator.characters) / max(display.elapsedSeconds, 1e-3)
      display.show("eval", fraction: fraction, detail: "\(grouped(Int(rate))) chars/s")
    }
    let isAboutCharacters = heatmap != nil || surprising != nil
    return isAboutCharacters
      ? evaluator.evaluateEachCharacter(progress: show)
      : (evaluator.evaluate(progress: show), CharacterPredictions())
  }

  private func show(_ facts: [(String, String)], _ passages: [(SurprisingPassage, String)]?) {
    for (name, value) in facts { print(name.rightPadded(21) + value) }
    if let passages {
      print("\nbits/char    position  passage")
      for (passage, text) in passages {
        print(
          fixed(passage.bitsPerCharacter, 2).leftPadded(9)
            + grouped(passage.characters.lowerBound).leftPadded(12) + "  " + text.inOneVisibleLine)
      }
    }
    if let heatmap { print("\nwrote \(heatmap)") }
  }

  /// A table shows none.
  private var wantsPassages: Bool { surprising != nil || heatmap?.hasSuffix(".html") == true }

  private func checkValues() throws {
    if let bs, !(1...TrainingConfig.maximumStreams).contains(bs) {
      throw OptionError(option: "bs", expected: "1 to \(TrainingConfig.maximumStreams)", found: "\(bs)")
    }
    if let surprising, !(1...1000).contains(surprising) {
      throw OptionError(option: "surprising", expected: "1 to 1000", found: "\(surprising)")
    }
    if let dynamic, !(dynamic > 0 && dynamic.isFinite) {
      throw OptionError(option: "dynamic", expected: "a finite number above 0", found: "\(dynamic)")
    }
    if let heatmap {
      try requireSuffix(".html", ".csv", of: heatmap, option: "heatmap")
      try checkCanWrite(heatmap)
      try checkIsNone(of: [data], heatmap, option: "heatmap")
    }
  }

  /// - Throws: `OptionError` or `CheckpointError` where the loss is beyond all numbers.
  private func check(_ evaluation: Evaluation) throws {
    guard !evaluation.natsPerCharacter.isFinite else { return }
    if let dynamic {
      throw OptionError(
        option: "dynamic", expected: "a rate at which the loss stays finite", found: "\(dynamic)")
    }
    throw OptionError(
      option: "checkpoint", expected: "a model whose loss is finite",
      found: "\(evaluation.natsPerCharacter) nats per character")
  }

  private func streams(_ checkpoint: Checkpoint, _ tokens: Tokens) -> Int {
    if let bs { return bs }
    if heatmap != nil || surprising != nil || dynamic != nil { return 1 }
    return Evaluator.streams(wanted: checkpoint.card.streams ?? TrainingConfig().bs, count: tokens.count)
  }

  private func facts(_ evaluation: Evaluation, streams: Int, leftOver: Int) -> [(String, String)] {
    [
      ("nats per character", fixed(evaluation.natsPerCharacter, 6)),
      ("bits per character", fixed(evaluation.bitsPerCharacter, 6)),
      ("perplexity", fixed(evaluation.perplexity, 6)),
      (
        "characters",
        "\(grouped(evaluation.characters)) predicted in \(counted(streams, "stream"))"
          + (leftOver == 0 ? "" : ", \(leftOver) at the end left over")
      ),
    ]
  }

  private func write(
    _ map: HeatMap, to path: String, _ facts: [(String, String)], _ passages: [SurprisingPassage],
    of source: TextSource
  ) throws {
    guard path.hasSuffix(".html") else {
      return try writeAtomically(to: path) { file in
        var lines = ""
        try map.writeTable { line in
          lines += line
          guard lines.utf8.count > 1 << 16 else { return }
          try file.write(lines)
          lines = ""
        }
        try file.write(lines)
      }
    }
    let page = map.page(title: "How \(source.name) is predicted", facts: facts, passages: passages)
    try writeAtomically(to: path) { try $0.write(page) }
  }
}

import ArgumentParser
import Text
import Training

struct TextOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Text to train on: a file, or a directory whose files are read in the order of their paths. Default: the built-in corpus.",
      valueName: "path"), completion: .file())
  var train: String?

  @Option(
    help: ArgumentHelp(
      "Text to validate on: a file or a directory. Default: the end of the training text.", valueName: "path"),
    completion: .file())
  var valid: String?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Without --valid: the part at the end of the training text to validate on, above 0 and below 1. Default: \(standard.validFraction).",
      valueName: "fraction"), transform: Number.real)
  var validFraction: Double?

  @Option(
    help: ArgumentHelp(
      "What a character is: 'scalar' (Unicode scalar of UTF-8 text) or 'byte' (any file). Default: \(standard.unit).",
      valueName: "unit"),
    completion: Choice.names(TextFormat.Unit.self), transform: Choice.of(TextFormat.Unit.self))
  var unit: TextFormat.Unit?

  @Flag(inversion: .prefixedNo, help: "Turn the text into lower case. Default: no.")
  var lowercase: Bool?

  @Option(
    help: ArgumentHelp(
      "'keep' line ends, or 'strip' them, joining the lines with nothing between. Default: \(standard.newlines).",
      valueName: "way"),
    completion: Choice.names(TextFormat.Newlines.self), transform: Choice.of(TextFormat.Newlines.self))
  var newlines: TextFormat.Newlines?

  @Flag(inversion: .prefixedNo, help: "Mark the end of each file with one <eos>. Default: no.")
  var endToken: Bool?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Characters seen less often in the training text, at least 1, become <unk>. Default: \(standard.minFreq).",
      valueName: "n"), transform: Number.whole)
  var minFreq: Int?

  private static let standard = TrainingConfig()

  func validate() throws {
    if valid != nil, validFraction != nil {
      throw ValidationError("--valid-fraction cannot be used with --valid: expected one of them")
    }
    if valid != nil, train == nil {
      throw ValidationError("--valid needs --train: expected a training text beside it")
    }
  }

  func apply(to config: inout TrainingConfig) {
    config.train = train ?? config.train
    config.valid = valid ?? config.valid
    config.validFraction = validFraction ?? config.validFraction
    config.unit = unit ?? config.unit
    config.lowercase = lowercase ?? config.lowercase
    config.newlines = newlines ?? config.newlines
    config.endToken = endToken ?? config.endToken
    config.minFreq = minFreq ?? config.minFreq
  }
}

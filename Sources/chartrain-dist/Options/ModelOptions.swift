import ArgumentParser
import CharModel
import Training

struct ModelOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "The recurrent cell: \(CellKind.all.map(\.name).joined(separator: ", ")). Default: \(CellKind.standard.name).",
      valueName: "cell"),
    completion: .list(CellKind.all.map(\.name)), transform: Choice.cell)
  var cell: CellKind?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Recurrent layers, 1 to \(ModelConfig.maximumLayers). Default: \(standard.layers).", valueName: "n"),
    transform: Number.whole)
  var layers: Int?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Width of each layer, 1 to \(ModelConfig.maximumWidth). Default: \(standard.hidden).", valueName: "n"),
    transform: Number.whole)
  var hidden: Int?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Width of the embedding, 1 to \(ModelConfig.maximumWidth). Default: \(standard.embedding).",
      valueName: "n"),
    transform: Number.whole)
  var embedding: Int?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Probability that an element is dropped between layers, at least 0 and below 1. Default: \(standard.dropout).",
      valueName: "p"),
    transform: Number.single)
  var dropout: Float?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Probability that an element is dropped between the last layer and the output layer, at least 0 and below 1. Default: \(standard.dropoutOutput).",
      valueName: "p"),
    transform: Number.single)
  var dropoutOutput: Float?

  private static let standard = TrainingConfig()

  /// The names of the options given that are part of a model's shape.
  var shapeGiven: Set<String> {
    let given = [
      ("cell", cell != nil), ("layers", layers != nil), ("hidden", hidden != nil),
      ("embedding", embedding != nil),
    ]
    return Set(given.filter(\.1).map(\.0))
  }

  func apply(to config: inout TrainingConfig) {
    config.cell = cell ?? config.cell
    config.layers = layers ?? config.layers
    config.hidden = hidden ?? config.hidden
    config.embedding = embedding ?? config.embedding
    config.dropout = dropout ?? config.dropout
    config.dropoutOutput = dropoutOutput ?? config.dropoutOutput
  }
}

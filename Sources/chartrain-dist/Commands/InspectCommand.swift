import ArgumentParser
import Training

struct InspectCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "inspect",
    abstract: "Show what is in a checkpoint: config, progress, vocabulary, tensors.")

  @Argument(help: ArgumentHelp("The checkpoint.", valueName: "file"))
  var file: String

  func run() throws {
    let checkpoint = try Checkpoint(path: file)
    let format = checkpoint.card.format
    let model = checkpoint.model
    let text = [
      "\(format.unit)", format.lowercase ? "lower case" : nil, "newlines \(format.newlines)",
      format.endToken ? "end tokens" : nil,
    ].compactMap { $0 }.joined(separator: ", ")
    print(
      """
      model        \(model.cell.name), \(model.layers) x \(model.hidden), embedding \(model.embedding), dropout \(model.dropout)
      parameters   \(grouped(checkpoint.parameterCount))
      text         \(text)
      vocabulary   \(checkpoint.vocabulary.count): \(vocabularyLine(checkpoint))
      checksum     \(checkpoint.checksum ?? "none")
      """)
    if let progress = checkpoint.progress {
      let loss = progress.smoothedLoss.value.map { ", training loss \(fixed($0, 4))" } ?? ""
      let best = progress.bestValidLoss.map { ", best validation loss \(fixed($0, 4))" } ?? ""
      print(
        "progress     step \(progress.step), epoch \(progress.epoch), \(progress.skippedSteps) steps skipped\(loss)\(best)"
      )
    }
    if let config = checkpoint.configText { print("config       \(TokenWriter.visible(config))") }
    print("tensors")
    for tensor in checkpoint.file.header.tensors {
      print("  \(TokenWriter.visible(tensor.name).rightPadded(28)) \(tensor.type)  \(tensor.shape)")
    }
  }

  private func vocabularyLine(_ checkpoint: Checkpoint) -> String {
    let line = checkpoint.vocabulary.strings.map { $0.debugDescription.dropFirst().dropLast() }
      .joined(separator: " ")
    return TokenWriter.visible(line)
  }
}

import ArgumentParser
import Training

struct InspectCommand: CommandWithExamples {
  static let configuration = CommandConfiguration(
    commandName: "inspect",
    abstract: "Show what is in a checkpoint: config, progress, vocabulary, tensors.")

  static let examples = [
    Example("The last checkpoint of a run", "chartrain-dist inspect runs/a"),
    Example("A file", "chartrain-dist inspect runs/a/checkpoints/best.safetensors"),
  ]

  @Argument(
    help: ArgumentHelp(
      "The checkpoint, or the directory of a run, for its last one.", valueName: "file"), completion: .file())
  var file: String?

  @Option(
    help: ArgumentHelp("The same, said as for the other commands.", valueName: "file"), completion: .file())
  var checkpoint: String?

  func validate() throws {
    guard (file == nil) != (checkpoint == nil) else {
      throw ValidationError("expected one checkpoint file, found \(file == nil ? "none" : "two")")
    }
  }

  func run() throws {
    let file = RunDirectory.checkpointFile(of: (file ?? checkpoint)!, names: ["last", "best"])
    let checkpoint = try Checkpoint(path: file)
    let format = checkpoint.card.format
    let model = checkpoint.model
    let text = [
      "\(format.unit)", format.lowercase ? "lower case" : nil, "newlines \(format.newlines)",
      format.endToken ? "end tokens" : nil,
    ].compactMap { $0 }.joined(separator: ", ")
    print(
      """
      model        \(model.cell.name), \(model.layers) x \(model.hidden), embedding \(model.embedding)
      parameters   \(grouped(checkpoint.parameterCount))
      text         \(text)
      vocabulary   \(checkpoint.vocabulary.count)
      \(vocabularyLines(checkpoint))
      checksum     \(checkpoint.checksum ?? "none")
      """)
    if let progress = checkpoint.progress {
      let loss = progress.smoothedLoss.value.map { ", training loss \(fixed($0, 4))" } ?? ""
      let best = progress.bestValidLoss.map { ", best validation loss \(fixed($0, 4))" } ?? ""
      print(
        "progress     step \(progress.step), epoch \(progress.epoch), \(progress.skippedSteps + progress.skippedBeforeRewinds) steps skipped\(loss)\(best)"
      )
    }
    print("config")
    for (key, value) in checkpoint.configEntries {
      print("  \(TokenWriter.visible("\(key.rightPadded(24)) \(value)"))")
    }
    print("tensors")
    for tensor in checkpoint.file.header.tensors {
      print("  \(TokenWriter.visible(tensor.name).rightPadded(28)) \(tensor.type)  \(tensor.shape)")
    }
  }

  /// The entries between quotation marks, bytes in hexadecimal, some to a line.
  private func vocabularyLines(_ checkpoint: Checkpoint) -> String {
    let vocabulary = checkpoint.vocabulary
    let entries = vocabulary.strings.enumerated().map { id, string -> String in
      guard let unit = vocabulary.unit(of: UInt16(id)), unit != .end else { return string }
      if checkpoint.card.format.unit == .byte { return hexadecimal(unit.value) }
      return TokenWriter.visible(string.debugDescription)
    }
    var lines = [""]
    for entry in entries {
      if lines.last!.count + entry.count > 74 { lines.append("") }
      lines[lines.count - 1] += " " + entry
    }
    return lines.map { " \($0)" }.joined(separator: "\n")
  }

  private func hexadecimal(_ byte: UInt32) -> String {
    (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true)
  }
}

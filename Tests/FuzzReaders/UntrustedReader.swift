import CharModel
import Kernels
import Foundation
import Logging
import Ranks
import SafeTensors
import Storage
import TestSupport
import Text
import Training

/// What reads files that anybody may have made, given any bytes at all.
public enum UntrustedReader: String, CaseIterable, Sendable {
  /// A checkpoint, to use its model.
  case checkpoint
  /// A model to begin with.
  case initialModel
  /// The checkpoint of a run that goes on, for a step.
  case run
  /// A text to train on; its first byte says how it is to be read.
  case text
  /// A file of options.
  case config

  /// What should not have happened.
  public struct Finding: Error, CustomStringConvertible {
    public let description: String
  }

  /// Whether something was found in the input that can be used.
  ///
  /// - Parameter directory: for files.
  /// - Throws: ``Finding``.
  @discardableResult
  public func read(_ input: [UInt8], _ directory: TemporaryDirectory) throws -> Bool {
    do {
      switch self {
      case .checkpoint: try readCheckpoint(directory.write("input.safetensors", input))
      case .initialModel: try begin(with: directory.write("input.safetensors", input))
      case .run: try goOn(input, directory)
      case .text: try readText(input, directory)
      case .config: try readConfig(directory.write("config.yaml", input))
      }
      return true
    } catch let finding as Finding {
      throw finding
    } catch {
      guard isRefusal(error) else { throw Finding(description: "\(type(of: error)): \(error)") }
      let message = "\(error)"
      guard !message.isEmpty else { throw Finding(description: "a message that says nothing") }
      return false
    }
  }

  /// Whether a user learns from the error what is wrong.
  private func isRefusal(_ error: any Error) -> Bool {
    switch error {
    case let agreed as AgreedFailure: agreed.cause.map(isRefusal) ?? false
    case is CheckpointError, is SafeTensorsError, is StorageError, is MemoryError, is TextError,
      is OptionError,
      is ConfigFileError, is ModelConfigError, is OptionsDiffer, is TrainingRun.Diverged:
      true
    default: false
    }
  }

  private func expect(_ condition: Bool, _ what: @autoclosure () -> String) throws {
    guard condition else { throw Finding(description: what()) }
  }

  private func readCheckpoint(_ path: String) throws {
    let checkpoint = try Checkpoint(path: path)
    let parameters = try checkpoint.loadParameters()
    try expect(parameters.areFinite, "parameters that are not finite")
    _ = checkpoint.configEntries
    let sampler = try Sampler(
      parameters, prime: [checkpoint.vocabulary.defaultPrime], options: SamplingOptions(), seed: 1,
      Compute(.fastest))
    var writer = TokenWriter(checkpoint.vocabulary, unit: checkpoint.card.format.unit)
    for _ in 0..<3 { _ = writer.write(sampler.next()[0].token) }
  }

  private func begin(with path: String) throws {
    var config = TrainingConfig()
    config.initialModel = path
    try config.takeShapeOfInitialModel(given: [], ThreadWorld.single())
    let text = try PreparedText(
      train: .path(path), valid: nil, validFraction: 0, format: TextFormat(unit: .byte), minimumFrequency: 1)
    let model = try ModelConfig(
      cell: config.cell, vocabulary: text.vocabulary.count, embedding: config.embedding,
      hidden: config.hidden,
      layers: config.layers)
    // What others make of a header is not the file's: that of a small one may ask for much.
    guard ParameterLayout(model).flatCount < 1 << 24 else { return }
    _ = try InitialModel(path: path).give(ParameterSet(model), text.vocabulary, config)
  }

  /// A run with this as its last checkpoint; the text that the one of ``Seeds`` was trained on is there.
  private func goOn(_ input: [UInt8], _ directory: TemporaryDirectory) throws {
    let run = directory.path("run")
    try? FileManager.default.removeItem(atPath: run)
    directory.write("run/config.json", "{}")
    directory.write("run/checkpoints/last.safetensors", input)
    let logger = Logger(label: "") { _ in SwiftLogNoOpLogHandler() }
    let world = ThreadWorld.single()
    let start = try RunStart(resuming: run, world, logger) { config in
      config.maxSteps = 6
      config.threads = 1
    }
    try TrainingRun(start, world, SilentObserver(), logger).run()
  }

  private func readText(_ input: [UInt8], _ directory: TemporaryDirectory) throws {
    guard let settings = input.first else { return }
    var format = TextFormat()
    format.unit = settings & 1 == 0 ? .scalar : .byte
    format.lowercase = settings & 2 != 0
    format.newlines = settings & 4 == 0 ? .keep : .strip
    format.endToken = settings & 8 != 0
    let path = directory.write("text", input.dropFirst())
    let text = try PreparedText(
      train: .path(path), valid: nil, validFraction: settings & 16 == 0 ? 0 : 0.5, format: format,
      minimumFrequency: settings & 32 == 0 ? 1 : 2)
    let tokens = [text.train, text.valid].flatMap { part in (0..<part.count).map { part[$0] } }
    try expect(tokens.allSatisfy { Int($0) < text.vocabulary.count }, "a token beyond the vocabulary")
    // Nothing is left out or changed where nothing asks for it; a byte order mark is no text.
    guard settings & 0b111110 == 0 else { return }
    var bytes: [UInt8] = []
    var writer = TokenWriter(text.vocabulary, unit: format.unit, raw: true)
    for id in tokens { bytes += writer.write(id) }
    let marked = format.unit == .scalar && input.dropFirst().starts(with: [0xEF, 0xBB, 0xBF])
    try expect(bytes == Array(input.dropFirst(marked ? 4 : 1)), "another text than that of the file")
  }

  private func readConfig(_ path: String) throws {
    let config = try TrainingConfig(file: path)
    try config.checkValues()
    try config.check(ranks: 4)
    // What was understood can be written down and read again.
    let written = path + ".json"
    try JSONEncoder().encode(config).write(to: URL(fileURLWithPath: written))
    var again = try TrainingConfig(file: written)
    again.runDir = config.runDir
    try expect(again == config, "other options after writing and reading them")
  }
}

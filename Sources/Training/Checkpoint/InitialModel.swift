import CharModel
import Kernels
import Logging
import Ranks
import SafeTensors
import Storage
import Text

/// A model to begin with: that of a checkpoint of ours, or of another program's file with the same names.
public struct InitialModel {
  private let file: SafeTensorsFile
  /// Nil where the file does not say that it is one of ours.
  private let checkpoint: Checkpoint?

  /// - Parameter path: of the file, or of a run's directory, for its best checkpoint.
  /// - Throws: ``CheckpointError``, `SafeTensorsError`, or `StorageError`.
  public init(path: String) throws {
    let path = RunDirectory.checkpointFile(of: path)
    if case .directory = kind(of: path) {
      throw CheckpointError(
        path: path, expected: "a file, or a run with a checkpoint", found: "a directory without")
    }
    file = try SafeTensorsFile(path: path)
    let isOurs = file.header.metadata[CheckpointFormat.versionKey] != nil
    checkpoint = isOurs ? try Checkpoint(path: path) : nil
  }

  // MARK: What it is like

  /// Its cell and sizes, by what the file says of itself or else by its tensors.
  ///
  /// - Throws: ``CheckpointError`` if these are those of no cell.
  public var shape: Shape {
    get throws {
      if let model = checkpoint?.model {
        return Shape(cell: model.cell, layers: model.layers, hidden: model.hidden, embedding: model.embedding)
      }
      func matrix(_ name: String) throws -> (rows: Int, columns: Int) {
        let shape = file.header.tensor(named: name)?.shape
        guard let shape, shape.count == 2 else {
          throw refusal("tensor '\(name)' of two dimensions", shape.map { "shape \($0)" } ?? "no such tensor")
        }
        return (shape[0], shape[1])
      }
      let recurrent = try matrix("rnn.weight_hh_l0")
      let (gates, rest) = recurrent.rows.quotientAndRemainder(dividingBy: max(1, recurrent.columns))
      guard rest == 0, let cell = CellKind.all.first(where: { $0.cell.gateCount == gates }) else {
        throw refusal(
          "tensor 'rnn.weight_hh_l0' of one of the cells \(CellKind.all.map(\.name).joined(separator: ", "))",
          "shape [\(recurrent.rows), \(recurrent.columns)]")
      }
      let layers = (0...ModelConfig.maximumLayers)
        .prefix { file.header.tensor(named: "rnn.weight_hh_l\($0)") != nil }
      return Shape(
        cell: cell, layers: layers.count, hidden: recurrent.columns,
        embedding: try matrix("rnn.weight_ih_l0").columns)
    }
  }

  /// What a model is like, whatever its vocabulary.
  public struct Shape: Codable {
    public let cell: CellKind
    public let layers: Int
    public let hidden: Int
    public let embedding: Int
  }

  /// - Throws: ``CheckpointError`` if its characters are of another kind than the config's.
  func check(_ config: TrainingConfig) throws {
    guard let unit = checkpoint?.card.format.unit, unit != config.unit else { return }
    throw refusal("a model of --unit \(config.unit)", "one of --unit \(unit)")
  }

  /// What else its text was like that the config's is not, as options; empty where it is alike or nobody knows.
  private func differences(from config: TrainingConfig) -> [String] {
    guard let format = checkpoint?.card.format else { return [] }
    return [
      format.lowercase == config.lowercase ? nil : format.lowercase ? "--lowercase" : "--no-lowercase",
      format.newlines == config.newlines ? nil : "--newlines \(format.newlines)",
    ].compactMap { $0 }
  }

  private func refusal(_ expected: String, _ found: String) -> CheckpointError {
    CheckpointError(path: file.path, expected: expected, found: found)
  }

  // MARK: Its parameters

  /// Reads them into those of a model of the same shape.
  ///
  /// Where the file has a vocabulary, what belongs to a character is taken from the same character there; characters that it lacks keep what they have. A
  /// file without one must have as many.
  ///
  /// - Returns: what there is to say of it.
  /// - Throws: ``CheckpointError``, `SafeTensorsError`, or `StorageError`.
  public func give(_ parameters: ParameterSet, _ vocabulary: Vocabulary, _ config: TrainingConfig) throws
    -> String
  {
    let strings = try checkpoint?.vocabulary.strings ?? vocabularyStrings()
    let count = strings?.count ?? vocabulary.count
    let places = Dictionary((strings ?? vocabulary.strings).enumerated().map { ($1, $0) }) { first, _ in first
    }
    for tensor in parameters.layout.tensors {
      let elements = parameters.elements(of: tensor)
      guard ["e.weight", "l_out.weight", "l_out.bias"].contains(tensor.name) else {
        try file.read(try file.find(tensor.name, tensor.shape), into: elements)
        continue
      }
      // A row, or one number, for each character.
      let width = elements.count / vocabulary.count
      let stored = try file.find(tensor.name, [count] + tensor.shape.dropFirst())
      let rows = FloatBuffer(count: count * width)
      try file.read(stored, into: rows.elements)
      for (id, string) in vocabulary.strings.enumerated() {
        guard let place = places[string] else { continue }
        elements.slice(id * width..<(id + 1) * width)
          .copy(from: rows.elements.slice(place * width..<(place + 1) * width))
      }
    }
    guard parameters.areFinite else { throw refusal("finite parameters", "infinite ones or NaN") }
    let characters = vocabulary.strings.dropFirst(Vocabulary.specials.count)
    let unknown = characters.count { places[$0] == nil }
    let differences = differences(from: config)
    return
      ([
        "begins with the parameters of '\(file.path)'",
        unknown == 0 ? nil : "it does not know \(unknown) of \(characters.count) characters",
        differences.isEmpty ? nil : "its own text was read with \(differences.joined(separator: " "))",
      ]).compactMap { $0 }.joined(separator: "; ")
  }

  /// Those of the vocabulary in the metadata of a file that is not ours, nil where it has none.
  private func vocabularyStrings() throws -> [String]? {
    guard let text = file.header.metadata[CheckpointFormat.vocabularyKey] else { return nil }
    guard let strings = try? JSON.decode([String].self, from: text), !strings.isEmpty else {
      throw refusal("'\(CheckpointFormat.vocabularyKey)' to be a list of strings", "something else")
    }
    return strings
  }
}

extension TrainingConfig {
  /// Takes the cell and the sizes of the model to begin with, at whose file rank 0 looks.
  ///
  /// - Parameters:
  ///   - given: the names of the options among them that somebody has given: they must be the model's.
  ///   - world: the ranks.
  /// - Throws: `AgreedFailure` on all ranks where the file or an option is at fault; `RankError`.
  public mutating func takeShapeOfInitialModel(given: Set<String>, _ world: any World) throws {
    guard let path = initialModel else { return }
    let config = self
    let json = try world.onRoot("looking at the model to begin with") {
      let model = try InitialModel(path: path)
      try model.check(config)
      return try JSON.line(model.shape)
    }
    let bytes = try world.broadcast(Array((json ?? "").utf8))
    let shape = try JSON.decode(InitialModel.Shape.self, from: String(decoding: bytes, as: UTF8.self))
    let options = [
      ("cell", cell.name, shape.cell.name), ("layers", "\(layers)", "\(shape.layers)"),
      ("hidden", "\(hidden)", "\(shape.hidden)"), ("embedding", "\(embedding)", "\(shape.embedding)"),
    ]
    try world.onAll {
      for (option, own, models) in options where given.contains(option) && own != models {
        throw OptionError(option: option, expected: "\(models), as the model of --init has", found: own)
      }
    }
    (cell, layers, hidden, embedding) = (shape.cell, shape.layers, shape.hidden, shape.embedding)
    try world.onAll { try checkValues() }
  }
}

extension Trainer {
  /// Begins with the parameters of the config's file, which rank 0 reads, instead of random ones, if it has one.
  ///
  /// - Parameters:
  ///   - text: whose characters the model is to know.
  ///   - logger: of this rank.
  /// - Throws: `AgreedFailure` on all ranks where the file is at fault; `RankError`.
  public func takeInitialModel(_ text: SharedText, _ logger: Logger) throws {
    guard let path = config.initialModel else { return }
    let notice = try world.onRoot("reading the model to begin with") {
      let model = try InitialModel(path: path)
      try model.check(config)
      return try model.give(parameters, text.root!.vocabulary, config)
    }
    try world.broadcast(parameters.flat)
    if let notice { logger.notice("\(notice)") }
  }
}

extension SafeTensorsFile {
  /// - Throws: ``CheckpointError`` if it is not there in this shape.
  func find(_ name: String, _ shape: [Int]) throws -> SafeTensorsHeader.Tensor {
    let expected = "tensor '\(name)' as F32 of shape \(shape)"
    guard let stored = header.tensor(named: name) else {
      throw CheckpointError(path: path, expected: expected, found: "no such tensor")
    }
    guard stored.type == "F32", stored.shape == shape else {
      throw CheckpointError(path: path, expected: expected, found: "\(stored.type) of shape \(stored.shape)")
    }
    return stored
  }
}

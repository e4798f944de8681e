import CharModel
import Kernels
import Logging
import Ranks
import SafeTensors
import Text

extension TrainingConfig {
  /// Takes the cell and the sizes of the model to begin with, at whose file rank 0 looks.
  ///
  /// - Throws: `AgreedFailure` on all ranks where the file is at fault; `RankError`.
  public mutating func takeShapeOfInitialModel(_ world: any World) throws {
    guard let path = initialModel else { return }
    let json = try world.onRoot {
      try JSON.line(SafeTensorsFile(path: RunDirectory.checkpointFile(of: path)).modelShape())
    }
    let bytes = try world.broadcast(Array((json ?? "").utf8))
    let shape = try JSON.decode(ModelShape.self, from: String(decoding: bytes, as: UTF8.self))
    (cell, layers, hidden, embedding) = (shape.cell, shape.layers, shape.hidden, shape.embedding)
    try world.onAll { try checkValues() }
  }
}

/// What a model is like, whatever its vocabulary.
private struct ModelShape: Codable {
  let cell: CellKind
  let layers: Int
  let hidden: Int
  let embedding: Int
}

extension Trainer {
  /// Begins with the parameters of the config's file, which rank 0 reads, instead of random ones, if it has one.
  ///
  /// - Throws: `AgreedFailure` on all ranks where the file is at fault; `RankError`.
  public func takeInitialModel(_ text: SharedText, _ logger: Logger) throws {
    guard let path = config.initialModel else { return }
    let known = try world.onRoot("reading the model to begin with") {
      try parameters.take(from: RunDirectory.checkpointFile(of: path), text.root!.vocabulary)
    }
    try world.broadcast(parameters.flat)
    guard let known, let count = text.root?.vocabulary.count else { return }
    let unknown = known < count ? "; it does not know \(count - known) of \(count) characters" : ""
    logger.notice("begins with the parameters of '\(path)'\(unknown)")
  }
}

extension ParameterSet {
  /// Takes the parameters of a model of the same shape from a safetensors file: one of ours, or PyTorch's with the same names.
  ///
  /// Where the file has a vocabulary, what belongs to a character is taken from the same character there; characters that it lacks keep what they have. A
  /// file without one must have as many.
  ///
  /// - Returns: how many of the vocabulary's characters are the file's too.
  /// - Throws: ``CheckpointError``, `SafeTensorsError`, or `StorageError`.
  func take(from path: String, _ vocabulary: Vocabulary) throws -> Int {
    let file = try SafeTensorsFile(path: path)
    let strings = try file.vocabularyStrings()
    let count = strings?.count ?? vocabulary.count
    let places = Dictionary((strings ?? vocabulary.strings).enumerated().map { ($1, $0) }) { first, _ in first
    }
    for tensor in layout.tensors {
      let elements = elements(of: tensor)
      guard ["e.weight", "l_out.weight", "l_out.bias"].contains(tensor.name) else {
        try file.read(try file.find(tensor.name, tensor.shape), into: elements)
        continue
      }
      // A row, or one number, for each character.
      let width = elements.count / vocabulary.count
      let rows = FloatBuffer(count: count * width)
      try file.read(
        try file.find(tensor.name, [count] + tensor.shape.dropFirst()), into: rows.elements)
      for (id, string) in vocabulary.strings.enumerated() {
        guard let place = places[string] else { continue }
        elements.slice(id * width..<(id + 1) * width)
          .copy(from: rows.elements.slice(place * width..<(place + 1) * width))
      }
    }
    guard areFinite else {
      throw CheckpointError(path: path, expected: "finite parameters", found: "infinite ones or NaN")
    }
    return vocabulary.strings.count { places[$0] != nil }
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

  /// As its tensors have it.
  ///
  /// - Throws: ``CheckpointError`` if they are those of no cell.
  fileprivate func modelShape() throws -> ModelShape {
    func matrix(_ name: String) throws -> (rows: Int, columns: Int) {
      let shape = header.tensor(named: name)?.shape
      guard let shape, shape.count == 2 else {
        throw CheckpointError(
          path: path, expected: "tensor '\(name)' of two dimensions",
          found: shape.map { "shape \($0)" } ?? "no such tensor")
      }
      return (shape[0], shape[1])
    }
    let recurrent = try matrix("rnn.weight_hh_l0")
    let (gates, rest) = recurrent.rows.quotientAndRemainder(dividingBy: max(1, recurrent.columns))
    guard rest == 0, let cell = CellKind.all.first(where: { $0.cell.gateCount == gates }) else {
      throw CheckpointError(
        path: path,
        expected:
          "tensor 'rnn.weight_hh_l0' of one of the cells \(CellKind.all.map(\.name).joined(separator: ", "))",
        found: "shape [\(recurrent.rows), \(recurrent.columns)]")
    }
    let layers = (0...ModelConfig.maximumLayers).prefix {
      header.tensor(named: "rnn.weight_hh_l\($0)") != nil
    }
    return ModelShape(
      cell: cell, layers: layers.count, hidden: recurrent.columns,
      embedding: try matrix("rnn.weight_ih_l0").columns)
  }

  /// Those of the vocabulary in its metadata, nil where it has none.
  fileprivate func vocabularyStrings() throws -> [String]? {
    guard let text = header.metadata[CheckpointFormat.vocabularyKey] else { return nil }
    guard let strings = try? JSON.decode([String].self, from: text), !strings.isEmpty else {
      throw CheckpointError(
        path: path, expected: "'\(CheckpointFormat.vocabularyKey)' to be a list of strings",
        found: "something else")
    }
    return strings
  }
}

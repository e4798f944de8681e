import Foundation
import Kernels
import Ranks
import SafeTensors
import TestSupport
import Testing
import Training

@Suite struct CheckpointTests {
  private let directory = TemporaryDirectory()

  /// The `last` checkpoint of a short run on `ranks` ranks.
  private func checkpoint(_ cell: String = "lstm", ranks: Int = 1) throws -> String {
    var config = TrainingFixture.config(directory, cell: cell)
    config.maxSteps = 6
    let run = directory.path("run-\(cell)-\(ranks)")
    try TrainingFixture.run(config, runDirectory: run, ranks: ranks)
    return run + "/checkpoints/last.safetensors"
  }

  private func values(_ name: String, _ file: SafeTensorsFile) throws -> [Float] {
    let tensor = try #require(file.header.tensor(named: name), "\(name)")
    let buffer = FloatBuffer(count: tensor.bytes.count / 4)
    try file.read(tensor, into: buffer.elements)
    return buffer.elements.array
  }

  @Test(arguments: ["rnn", "gru", "lstm"])
  func itHasEverythingUnderPyTorchsNames(cell: String) throws {
    let path = try checkpoint(cell)
    let file = try SafeTensorsFile(path: path)
    let gates = ["rnn": 1, "gru": 3, "lstm": 4][cell]!
    let vocabulary = try Checkpoint(path: path).vocabulary.count
    var expected = [
      "e.weight": [vocabulary, 6], "rnn.weight_ih_l0": [gates * 12, 6], "rnn.weight_hh_l0": [gates * 12, 12],
      "rnn.bias_ih_l0": [gates * 12], "rnn.bias_hh_l0": [gates * 12], "rnn.weight_ih_l1": [gates * 12, 12],
      "rnn.weight_hh_l1": [gates * 12, 12], "rnn.bias_ih_l1": [gates * 12], "rnn.bias_hh_l1": [gates * 12],
      "l_out.weight": [vocabulary, 12], "l_out.bias": [vocabulary],
    ]
    for (name, shape) in expected {
      expected["adam.m." + name] = shape
      expected["adam.v." + name] = shape
    }
    expected["state.h"] = [2, 10, 12]
    if cell == "lstm" { expected["state.c"] = [2, 10, 12] }
    let found = Dictionary(uniqueKeysWithValues: file.header.tensors.map { ($0.name, $0.shape) })
    #expect(found == expected)
    #expect(file.header.metadata["chartrain.version"] == "1")
    for key in ["chartrain.config", "chartrain.vocab", "chartrain.progress"] {
      let json = try #require(file.header.metadata[key], "\(key)")
      #expect(throws: Never.self, "\(key)") { try JSONSerialization.jsonObject(with: Data(json.utf8)) }
    }
  }

  /// Layer by layer and stream by stream, as the trainer holds it.
  @Test func theSavedStateIsTheTrainers() throws {
    let (trainer, path) = try afterThreeSteps(TrainingFixture.config(directory))
    let file = try SafeTensorsFile(path: path)
    #expect(try values("state.h", file) == trainer.state.h.array)
    #expect(try values("state.c", file) == trainer.state.c.array)
  }

  /// What others read from the file is the average; the trained parameters are beside it.
  @Test func withAveragingTheModelIsTheAverage() throws {
    var config = TrainingFixture.config(directory)
    config.averageDecay = 0.9
    let (trainer, path) = try afterThreeSteps(config)
    #expect(try Checkpoint(path: path).loadParameters().values == trainer.trained.values)
    let file = try SafeTensorsFile(path: path)
    #expect(try values("unaveraged.l_out.bias", file) == trainer.parameters.outputBias.array)
    #expect(try values("unaveraged.l_out.bias", file) != values("l_out.bias", file))
  }

  /// A trainer that has made three steps, and the checkpoint of a run that has.
  private func afterThreeSteps(_ config: TrainingConfig) throws -> (trainer: Trainer, checkpoint: String) {
    let world = ThreadWorld.single()
    let trainer = try Trainer(config, SharedText(config, world), world)
    trainer.beginWhatBegins()
    for _ in 0..<3 { _ = try trainer.step(learningRate: trainer.learningRate) }
    var config = config
    config.maxSteps = 3
    let runDirectory = directory.path("three-steps")
    try TrainingFixture.run(config, runDirectory: runDirectory)
    return (trainer, runDirectory + "/checkpoints/last.safetensors")
  }

  /// The hidden states of all ranks, in the order of streams.
  @Test func statesAreCollectedFromAllRanks() throws {
    let alone = try SafeTensorsFile(path: try checkpoint(ranks: 1))
    let three = try SafeTensorsFile(path: try checkpoint(ranks: 3))
    for name in ["state.h", "state.c", "e.weight", "adam.m.l_out.weight"] {
      let expected = try values(name, alone)
      #expect(expected.contains { $0 != 0 }, "\(name) is zero")
      #expect(relativeError(try values(name, three), expected) < 1e-3, "\(name)")
    }
  }

  @Test func oneFlippedBitIsNoticed() throws {
    let path = try checkpoint()
    var bytes = Array(try Data(contentsOf: URL(fileURLWithPath: path)))
    bytes[bytes.count - 1000] ^= 0x10
    #expect {
      try Checkpoint(path: directory.write("flipped.safetensors", bytes))
    } throws: { "\($0)".contains("checksum") }
    #expect(throws: (any Error).self) {
      try Checkpoint(path: directory.write("cut.safetensors", bytes.dropLast(7)))
    }
  }

  /// In the metadata, where it may be a number as good as another.
  @Test(arguments: [(#"\"step\":6"#, #"\"step\":7"#), (#"\"lr\":0.01"#, #"\"lr\":0.02"#)])
  func oneOtherDigitIsNoticed(good: String, bad: String) throws {
    var file = try Data(contentsOf: URL(fileURLWithPath: checkpoint()))
    let place = try #require(file.range(of: Data(good.utf8)))
    file.replaceSubrange(place, with: Data(bad.utf8))
    #expect {
      try Checkpoint(path: directory.write("changed.safetensors", file))
    } throws: { "\($0)".contains("metadata with checksum") }
  }

  /// As PyTorch would write one: no more than a model needs.
  @Test func aFileFromElsewhereIsEnough() throws {
    let path = try writeForeign(config: Self.foreignConfig)
    let checkpoint = try Checkpoint(path: path)
    #expect(checkpoint.progress == nil)
    #expect(checkpoint.model.cell.name == "gru")
    #expect(try checkpoint.loadParameters().values.contains { $0 != 0 })
  }

  @Test(arguments: [
    ("\"gru\"", "\"gnu\"", "unknown cell"), ("\"hidden\":3", "\"hidden\":4", "shape"),
    ("\"hidden\":3", "\"hidden\":-3", "hidden"), (",\"unit\":\"scalar\"", "", "unit"),
    ("\"layers\":1", "\"layers\":2", "rnn.weight_ih_l1"), ("}", "", "complete"),
    ("\"hidden\":3", "\"hidden\":1e30", "valid"),
  ])
  func whatDoesNotFitIsRefused(old: String, new: String, word: String) throws {
    let path = try writeForeign(config: Self.foreignConfig.replacingOccurrences(of: old, with: new))
    #expect {
      try Checkpoint(path: path)
    } throws: { "\($0)".contains(word) && $0 is CheckpointError }
  }

  @Test func exportKeepsTheModelAlone() throws {
    let checkpoint = try Checkpoint(path: try checkpoint())
    let path = directory.path("model.safetensors")
    try writeModel(to: path, try checkpoint.loadParameters(), like: checkpoint)
    let exported = try Checkpoint(path: path)
    #expect(exported.progress == nil)
    #expect(exported.file.header.tensors.count == 11)
    #expect(exported.vocabulary == checkpoint.vocabulary)
    #expect(try exported.loadParameters().values == checkpoint.loadParameters().values)
  }

  private static let foreignConfig =
    #"{"cell":"gru","embedding":2,"hidden":3,"layers":1,"lowercase":false,"unit":"scalar"}"#

  private func writeForeign(config: String) throws -> String {
    let shapes = [
      ("e.weight", [4, 2]), ("rnn.weight_ih_l0", [9, 2]), ("rnn.weight_hh_l0", [9, 3]),
      ("rnn.bias_ih_l0", [9]), ("rnn.bias_hh_l0", [9]), ("l_out.weight", [4, 3]), ("l_out.bias", [4]),
    ]
    let buffer = FloatBuffer(count: 100)
    buffer.elements.fill(0.25)
    let tensors = shapes.map { name, shape in
      OutputTensor(name: name, shape: shape, values: buffer.elements.slice(0..<shape.reduce(1, *)))
    }
    let path = directory.path("foreign.safetensors")
    try writeSafeTensors(
      to: path,
      metadata: [
        "chartrain.version": "1", "chartrain.config": config,
        "chartrain.vocab": #"["<unk>","<pad>","a","b"]"#,
      ], tensors: tensors)
    return path
  }
}

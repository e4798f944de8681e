import CharModel
import Kernels
import SafeTensors
import TestSupport
import Testing
import Training

/// Our numbers against those that PyTorch computed in float64: `Tests/Golden/make_golden.py`.
@Suite struct GoldenTests {
  private static let tolerance = 1e-5
  private static let windowLengths = [6, 4, 5]

  @Test(arguments: CellKind.all)
  func forwardAndGradients(cell: CellKind) throws {
    let golden = try Golden(cell)
    let state = golden.startState()
    let window = golden.window(0)
    let logits = golden.pass.forward(window.inputs, state: state).elements.array
    #expect(relativeError(logits, try golden.values("expected.logits")) < Self.tolerance)
    #expect(relativeError(state.h.array, try golden.values("expected.state.h")) < Self.tolerance)
    if cell.cell.hasMemory {
      #expect(relativeError(state.c.array, try golden.values("expected.state.c")) < Self.tolerance)
    }
    let gradient = ParameterSet(golden.model)
    let count = window.targets.count
    golden.pass.backward(
      window.inputs, window.targets, scale: 1 / Float(count),
      into: [GradientPart(allOf: golden.streams, gradient)])
    let loss =
      golden.pass.loss(ofStreams: 0..<golden.streams, length: count / golden.streams) / Double(count)
    #expect(relativeError([Float(loss)], try golden.values("expected.loss")) < Self.tolerance)
    for tensor in gradient.layout.tensors {
      let error = relativeError(
        gradient.elements(of: tensor).array, try golden.values("expected.gradient.\(tensor.name)"))
      #expect(error < Self.tolerance, "gradient of \(tensor.name)")
    }
  }

  @Test(arguments: CellKind.all, ["adam", "l2", "adamw", "clip"])
  func threeStepsOfAdam(cell: CellKind, optimizer: String) throws {
    let golden = try Golden(cell)
    let adam = Adam(
      golden.model, weightDecay: ["l2", "adamw"].contains(optimizer) ? 0.1 : 0,
      decoupled: optimizer == "adamw")
    let gradient = ParameterSet(golden.model)
    let state = golden.startState()
    for step in Self.windowLengths.indices {
      let window = golden.window(step)
      _ = golden.pass.forward(window.inputs, state: state)
      golden.pass.backward(
        window.inputs, window.targets, scale: 1 / Float(window.targets.count),
        into: [GradientPart(allOf: golden.streams, gradient)])
      let scale = optimizer == "clip" ? Adam.clippingScale(norm: norm(gradient.flat), limit: 0.05) : 1
      adam.step(golden.parameters, gradient, learningRate: 0.01, gradientScale: scale)
    }
    for tensor in gradient.layout.tensors {
      let error = relativeError(
        golden.parameters.elements(of: tensor).array,
        try golden.values("expected.\(optimizer).\(tensor.name)"))
      #expect(error < Self.tolerance, "\(tensor.name) after three steps")
    }
  }

  /// One cell's golden file.
  private final class Golden {
    let model: ModelConfig
    let parameters: ParameterSet
    let pass: WindowPass
    private let file: SafeTensorsFile
    private let tokens: [UInt16]
    let streams: Int

    init(_ cell: CellKind) throws {
      file = try SafeTensorsFile(path: Outside.top + "/Tests/Golden/\(cell.name).safetensors")
      let header = file.header
      let stateShape = header.tensor(named: "state.h")!.shape
      let embeddingShape = header.tensor(named: "e.weight")!.shape
      model = try ModelConfig(
        cell: cell, vocabulary: embeddingShape[0], embedding: embeddingShape[1], hidden: stateShape[2],
        layers: stateShape[0])
      streams = stateShape[1]
      parameters = ParameterSet(model)
      for tensor in parameters.layout.tensors {
        try file.read(header.tensor(named: tensor.name)!, into: parameters.elements(of: tensor))
      }
      pass = WindowPass(parameters, streams: streams, capacity: windowLengths.max()!, Compute(.simd))
      tokens = try Self.values("tokens", file).map { UInt16($0) }
    }

    func values(_ name: String) throws -> [Float] { try Self.values(name, file) }

    func startState() -> HiddenState {
      let state = HiddenState(model, streams: streams)
      for (name, target) in [("state.h", state.h), ("state.c", state.c)] where target.count > 0 {
        try! file.read(file.header.tensor(named: name)!, into: target)
      }
      return state
    }

    func window(_ index: Int) -> (inputs: [UInt16], targets: [UInt16]) {
      let start = windowLengths[..<index].reduce(0, +) * streams
      let end = start + windowLengths[index] * streams
      return (Array(tokens[start..<end]), Array(tokens[start + streams..<end + streams]))
    }

    private static func values(_ name: String, _ file: SafeTensorsFile) throws -> [Float] {
      let tensor = try #require(file.header.tensor(named: name), "\(name)")
      let buffer = FloatBuffer(count: tensor.bytes.count / 4)
      try file.read(tensor, into: buffer.elements)
      return buffer.elements.array
    }
  }
}

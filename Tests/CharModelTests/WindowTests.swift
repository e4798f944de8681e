import CharModel
import Kernels
import TestSupport
import Testing

@Suite struct WindowTests {
  /// The explicit loop over time, one stream and one character at a time, against the whole window at once.
  @Test(arguments: CellKind.all, [1, 2, 3])
  func stepByStepIsTheWholeWindow(cell: CellKind, layers: Int) throws {
    let fixture = try ModelFixture(cell, layers: layers)
    let state = HiddenState(fixture.model, streams: ModelFixture.streams)
    let logits = fixture.pass.forward(fixture.inputs, state: state)
    for b in 0..<ModelFixture.streams {
      var streamState = fixture.parameters.initialStreamState()
      for t in 0..<ModelFixture.length {
        let row = t * ModelFixture.streams + b
        let stepLogits = fixture.parameters.step(fixture.inputs[row], &streamState)
        #expect(relativeError(stepLogits, logits.row(row).array) < 1e-5, "stream \(b), time \(t)")
      }
      for k in 0..<layers {
        #expect(relativeError(streamState[k].h, state.h(layer: k).row(b).array) < 1e-5)
        if cell.cell.hasMemory {
          #expect(relativeError(streamState[k].c, state.c(layer: k).row(b).array) < 1e-5)
        }
      }
    }
  }

  /// The state carries everything: two windows of 3 and 5 give what one of 8 gives.
  @Test(arguments: CellKind.all)
  func inPiecesIsInOneGo(cell: CellKind) throws {
    let fixture = try ModelFixture(cell, layers: 2, length: 8)
    let whole = fixture.startState()
    let logits = fixture.pass.forward(fixture.inputs, state: whole).elements.array
    let pieces = fixture.startState()
    let cut = 3 * ModelFixture.streams
    let first = fixture.pass.forward(Array(fixture.inputs[..<cut]), state: pieces).elements.array
    let second = fixture.pass.forward(Array(fixture.inputs[cut...]), state: pieces).elements.array
    #expect(relativeError(first + second, logits) < 1e-6)
    #expect(relativeError(pieces.h.array, whole.h.array) < 1e-6)
    #expect(relativeError(pieces.c.array, whole.c.array) < 1e-6)
  }

  /// What a stream computes, dropout included, does not depend in any bit on which streams are beside it.
  @Test(arguments: CellKind.all, ModelFixture.dropouts)
  func aStreamIsAlone(cell: CellKind, dropout: Dropout) throws {
    let fixture = try ModelFixture(cell, layers: 2, dropout: dropout)
    let random = RandomSource(seed: 1)
    let all = fixture.pass.forward(
      fixture.inputs, state: HiddenState(fixture.model, streams: ModelFixture.streams),
      dropout: .init(random: random, step: 6, firstStream: 10)
    ).elements.array
    let alone = WindowPass(
      fixture.parameters, streams: 1, capacity: ModelFixture.length, dropout: dropout, Compute(.simd))
    for b in 0..<ModelFixture.streams {
      let times = 0..<ModelFixture.length
      let inputs = times.map { fixture.inputs[$0 * ModelFixture.streams + b] }
      let logits = alone.forward(
        inputs, state: HiddenState(fixture.model, streams: 1),
        dropout: .init(random: random, step: 6, firstStream: 10 + b))
      for t in times {
        let start = (t * ModelFixture.streams + b) * ModelFixture.vocabulary
        let expected = Array(all[start..<start + ModelFixture.vocabulary])
        #expect(logits.row(t).array == expected, "stream \(b), time \(t)")
      }
    }
  }
}

@Suite struct ParameterTests {
  @Test(arguments: CellKind.all)
  func initialValuesHaveTheirDistributions(cell: CellKind) throws {
    let model = try ModelConfig(
      cell: cell, vocabulary: 100, embedding: 50, hidden: 64, layers: 2)
    let parameters = ParameterSet(model)
    parameters.initialise(RandomSource(seed: 1))
    for tensor in parameters.layout.tensors {
      let values = parameters.elements(of: tensor).array.map(Double.init)
      let squares = values.reduce(0) { $0 + $1 * $1 } / Double(values.count)
      if tensor.name == "e.weight" {
        #expect(abs(squares - 1) < 0.1)
      } else {
        let bound = 1.0 / 8
        #expect(values.allSatisfy { abs($0) <= bound }, "\(tensor.name)")
        #expect(abs(squares / (bound * bound / 3) - 1) < 0.4, "\(tensor.name)")
      }
    }
  }

  @Test func seedsDiffer() throws {
    let model = try ModelConfig(
      cell: CellKind.all[0], vocabulary: 9, embedding: 4, hidden: 5, layers: 1)
    let sets = (0..<2).map { seed in
      let parameters = ParameterSet(model)
      parameters.initialise(RandomSource(seed: UInt64(seed)))
      return parameters.values
    }
    #expect(sets[0] != sets[1])
  }

  @Test(arguments: [(0, 1), (4, 0), (4, 300)])
  func shapesThatCannotBeAreRefused(hidden: Int, layers: Int) {
    #expect(throws: ModelConfigError.self) {
      try ModelConfig(
        cell: CellKind.all[0], vocabulary: 9, embedding: 4, hidden: hidden, layers: layers)
    }
  }
}

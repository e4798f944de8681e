import Kernels

/// One recurrent layer over one window: its activations forward, its gradients backward.
///
/// `capacity` bounds T; the memory is made once. All `[T, ...]` arrays have time first.
final class LayerPass {
  private let weights: LayerWeights
  private let cell: any Cell.Type
  private let streams: Int
  private let hidden: Int

  /// `[T, B, G*H]`: see ``CellForward`` and ``CellBackward`` for what they hold when.
  private let gates: Matrix
  private let hiddenGates: Matrix
  /// `[1 + T, B, H]`, the state before the window first. `c` has no rows if the cell has no memory.
  private let h: Matrix
  private let c: Matrix
  /// `[B, H]`.
  private let dH: Matrix
  private let dC: Matrix
  private let memory: PassMemory

  init(_ config: ModelConfig, _ weights: LayerWeights, streams: Int, capacity: Int) {
    self.weights = weights
    cell = config.cell.cell
    self.streams = streams
    hidden = config.hidden
    let gateRows = config.gateRows
    let memoryStreams = cell.hasMemory ? streams : 0
    let memory = PassMemory()
    gates = memory.matrix(capacity * streams, gateRows)
    hiddenGates = cell.keepsHiddenGatesApart ? memory.matrix(capacity * streams, gateRows) : gates
    h = memory.matrix((1 + capacity) * streams, hidden)
    c = memory.matrix((1 + capacity) * memoryStreams, hidden)
    dH = memory.matrix(streams, hidden)
    dC = memory.matrix(memoryStreams, hidden)
    self.memory = memory
  }

  /// The layer's output over the window, `[T*B, H]`.
  func output(length: Int) -> Matrix { h.rows(streams..<(1 + length) * streams) }

  /// Runs the layer over `input` `[T*B, in]`, from the state `stateH`, `stateC` `[B, H]` to the one after
  /// the window, which it writes in their place.
  func forward(_ input: Matrix, length: Int, stateH: Matrix, stateC: Matrix) {
    h.rows(0..<streams).elements.copy(from: stateH.elements)
    at(0, c).elements.copy(from: stateC.elements)
    let allGates = gates.rows(0..<length * streams)
    multiply(input, transposing: weights.inputWeight, into: allGates)
    addToEachRow(weights.inputBias, of: allGates)
    if !cell.keepsHiddenGatesApart { addToEachRow(weights.hiddenBias, of: allGates) }
    advance(cell, length)
    stateH.elements.copy(from: at(length, h).elements)
    stateC.elements.copy(from: at(length, c).elements)
  }

  private func advance<C: Cell>(_: C.Type, _ length: Int) {
    for t in 0..<length {
      let hiddenGates = at(t, hiddenGates)
      if C.keepsHiddenGatesApart {
        multiply(at(t, h), transposing: weights.hiddenWeight, into: hiddenGates)
        addToEachRow(weights.hiddenBias, of: hiddenGates)
      } else {
        multiply(at(t, h), transposing: weights.hiddenWeight, into: hiddenGates, accumulate: true)
      }
      C.forward(
        CellForward(
          gates: at(t, gates), hiddenGates: hiddenGates,
          previousH: at(t, h), previousC: at(t, c), h: at(t + 1, h), c: at(t + 1, c)))
    }
  }

  /// Given `dOutput` `[T*B, H]`, the gradient by the layer's output, writes the gradient by its weights
  /// and by its input, `dInput` `[T*B, in]`. Nothing flows in from after the window or out before it.
  func backward(
    _ input: Matrix, length: Int, dOutput: Matrix, dInput: Matrix, gradient: LayerWeights
  ) {
    retreat(cell, length, dOutput)
    let dGates = gates.rows(0..<length * streams)
    let dHiddenGates = hiddenGates.rows(0..<length * streams)
    multiply(transposing: dGates, input, into: gradient.inputWeight)
    sumRows(of: dGates, into: gradient.inputBias)
    let previousH = h.rows(0..<length * streams)
    multiply(transposing: dHiddenGates, previousH, into: gradient.hiddenWeight)
    sumRows(of: dHiddenGates, into: gradient.hiddenBias)
    multiply(dGates, weights.inputWeight, into: dInput)
  }

  private func retreat<C: Cell>(_: C.Type, _ length: Int, _ dOutput: Matrix) {
    dH.elements.fill(0)
    dC.elements.fill(0)
    for t in (0..<length).reversed() {
      add(at(t, dOutput).elements, to: dH.elements)
      let hiddenGates = at(t, hiddenGates)
      C.backward(
        CellBackward(
          gates: at(t, gates), hiddenGates: hiddenGates,
          previousH: at(t, h), previousC: at(t, c), h: at(t + 1, h), c: at(t + 1, c),
          dH: dH, dC: dC))
      if t > 0 { multiply(hiddenGates, weights.hiddenWeight, into: dH, accumulate: true) }
    }
  }

  /// Time step `t` of a `[T, B, ...]` array; of an array without rows, no rows.
  private func at(_ t: Int, _ all: Matrix) -> Matrix {
    all.rows == 0 ? all : all.rows(t * streams..<(t + 1) * streams)
  }
}

/// Owns the buffers behind a pass's views.
final class PassMemory {
  private final class Block {
    let buffer: FloatBuffer
    init(count: Int) { buffer = FloatBuffer(count: count) }
  }

  private var blocks: [Block] = []

  /// A new zero matrix that lives as long as this object.
  func matrix(_ rows: Int, _ columns: Int) -> Matrix {
    let block = Block(count: rows * columns)
    blocks.append(block)
    return block.buffer.elements.matrix(rows: rows, columns: columns)
  }
}

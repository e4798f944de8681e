import Kernels

/// Where the layers of a pass put their weights as forward or backward reads them: one layer at a time, one way at a time.
struct LayerPanels {
  let input: PanelMemory
  let hidden: PanelMemory

  init(_ config: ModelConfig, _ compute: Compute) {
    func memory(_ widths: [Int]) -> PanelMemory {
      PanelMemory(
        widths.flatMap {
          [(inner: $0, columns: config.gateRows), (inner: config.gateRows, columns: $0)]
        }, compute)
    }
    input = memory((0..<config.layers).map { config.inputWidth(layer: $0) })
    hidden = memory([config.hidden])
  }
}

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
  /// What the gates start from, `[G*H]`: both biases, or that of the input alone where the cell keeps them apart.
  private let startBias: Matrix

  /// The weights as forward and backward read them.
  private let inputForward: RightFactor
  private let hiddenForward: RightFactor
  private let inputBackward: RightFactor
  private let hiddenBackward: RightFactor
  private let team: ThreadTeam
  private let memory: PassMemory

  init(
    _ config: ModelConfig, _ weights: LayerWeights, streams: Int, capacity: Int, _ panels: LayerPanels,
    _ compute: Compute
  ) {
    self.weights = weights
    team = compute.team
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
    startBias = memory.matrix(1, gateRows)
    let inputWidth = weights.inputWeight.columns
    inputForward = RightFactor(inner: inputWidth, columns: gateRows, compute, in: panels.input)
    hiddenForward = RightFactor(inner: hidden, columns: gateRows, compute, in: panels.hidden)
    inputBackward = RightFactor(inner: gateRows, columns: inputWidth, compute, in: panels.input)
    hiddenBackward = RightFactor(inner: gateRows, columns: hidden, compute, in: panels.hidden)
    self.memory = memory
  }

  /// The layer's output over the window, `[T*B, H]`.
  func output(length: Int) -> Matrix { h.rows(streams..<(1 + length) * streams) }

  /// What the input gives to the gates, `[T*B, G*H]`: to be written before ``forward(length:stateH:stateC:)``.
  func inputGates(length: Int) -> Matrix { gates.rows(0..<length * streams) }
}

// MARK: - Forward

extension LayerPass {
  /// Takes the weights as they are now.
  func prepareForward() {
    inputForward.prepare(transposing: weights.inputWeight)
    hiddenForward.prepare(transposing: weights.hiddenWeight)
    startBias.elements.copy(from: weights.inputBias)
    if !cell.keepsHiddenGatesApart { add(weights.hiddenBias, to: startBias.elements) }
  }

  /// A checksum over the bits of the weights last prepared.
  var checksum: UInt64 {
    let matrices = inputForward.checksum &* 31 &+ hiddenForward.checksum
    return (matrices &* 31 &+ bitHash(weights.inputBias)) &* 31 &+ bitHash(weights.hiddenBias)
  }

  /// What `input` `[N, in]` gives to the gates, `[N, G*H]`.
  func project(_ input: Matrix, into result: Matrix) {
    inputForward.multiply(input, from: .bias(startBias.elements), into: result)
  }

  /// Runs the layer from the state `stateH`, `stateC` `[B, H]` to the one after the window, which it writes in their place.
  func forward(length: Int, stateH: Matrix, stateC: Matrix) {
    h.rows(0..<streams).elements.copy(from: stateH.elements)
    at(0, c).elements.copy(from: stateC.elements)
    advance(cell, length)
    stateH.elements.copy(from: at(length, h).elements)
    stateC.elements.copy(from: at(length, c).elements)
  }

  private func advance<C: Cell>(_: C.Type, _ length: Int) {
    for t in 0..<length {
      let hiddenGates = at(t, hiddenGates)
      hiddenForward.multiply(
        at(t, h), from: C.keepsHiddenGatesApart ? .bias(weights.hiddenBias) : .accumulating, into: hiddenGates
      )
      let step = CellForward(
        gates: at(t, gates), hiddenGates: hiddenGates,
        previousH: at(t, h), previousC: at(t, c), h: at(t + 1, h), c: at(t + 1, c))
      team.share(streams) { streams, _ in C.forward(step.of(streams)) }
    }
  }

  /// Time step `t` of a `[T, B, ...]` array; of an array without rows, no rows.
  private func at(_ t: Int, _ all: Matrix) -> Matrix {
    all.rows == 0 ? all : all.rows(t * streams..<(t + 1) * streams)
  }
}

// MARK: - Backward

extension LayerPass {
  /// Takes the weights as they are now.
  func prepareBackward() {
    inputBackward.prepare(weights.inputWeight)
    hiddenBackward.prepare(weights.hiddenWeight)
  }

  /// Given `dOutput` `[T*B, H]`, the gradient by the layer's output, turns the gates into their gradients. Nothing flows in
  /// from after the window or out before it.
  ///
  /// - Parameter between: called after each time step.
  func backward(length: Int, dOutput: Matrix, between: () throws -> Void) rethrows {
    try retreat(cell, length, dOutput, between)
  }

  /// The gradient by what the input gave to the gates, `[T*B, G*H]`.
  func dInputGates(length: Int) -> Matrix { gates.rows(0..<length * streams) }

  /// The gradient by the input, `[N, in]`, from that by what it gave to the gates, `[N, G*H]`.
  func backProject(_ dInputGates: Matrix, into dInput: Matrix) {
    inputBackward.multiply(dInputGates, from: .zero, into: dInput)
  }

  /// Writes the gradient by the weights, over `rows`.
  ///
  /// - Parameter input: `[T*B, in]`, or nil to leave out the input's weights.
  func writeGradient(
    _ product: GradientProduct, input: Matrix?, _ rows: RowBlocks, into gradient: LayerWeights
  ) {
    let previousH = h.rows(0..<rows.length * streams)
    product.take(dInputGates(length: rows.length), rows)
    product.sumRows(into: gradient.inputBias)
    if let input { product.multiply(input, into: gradient.inputWeight) }
    if cell.keepsHiddenGatesApart {
      product.take(hiddenGates.rows(0..<rows.length * streams), rows)
      product.sumRows(into: gradient.hiddenBias)
    } else {
      gradient.hiddenBias.copy(from: gradient.inputBias)
    }
    product.multiply(previousH, into: gradient.hiddenWeight)
  }

  private func retreat<C: Cell>(
    _: C.Type, _ length: Int, _ dOutput: Matrix, _ between: () throws -> Void
  ) rethrows {
    dH.elements.fill(0)
    dC.elements.fill(0)
    for t in (0..<length).reversed() {
      add(at(t, dOutput).elements, to: dH.elements)
      let hiddenGates = at(t, hiddenGates)
      let step = CellBackward(
        gates: at(t, gates), hiddenGates: hiddenGates,
        previousH: at(t, h), previousC: at(t, c), h: at(t + 1, h), c: at(t + 1, c), dH: dH, dC: dC)
      team.share(streams) { streams, _ in C.backward(step.of(streams)) }
      if t > 0 { hiddenBackward.multiply(hiddenGates, from: .accumulating, into: dH) }
      try between()
    }
  }
}

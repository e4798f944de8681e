import Kernels

/// The simple recurrent cell: `h' = tanh(W_ih x + b_ih + W_hh h + b_hh)`.
///
/// Source: Elman, "Finding structure in time", 1990; as PyTorch's `RNN` with `tanh`.
enum RNNCell: Cell, Sendable {
  static let name = "rnn"
  static let gateCount = 1
  static let hasMemory = false
  static let keepsHiddenGatesApart = false
  static let gatesInONNX = [0]

  static func step(_ x: [Float], _ state: inout CellState, _ weights: LayerWeights) {
    let h = state.h
    for j in h.indices {
      state.h[j] = tanh(weights.inputGate(j, x) + weights.hiddenGate(j, h))
    }
  }

  static func forward(_ step: CellForward) {
    let (gates, h) = (step.gates.elements, step.h.elements)
    for j in h.laneStarts { h.store(tanh(gates.lanes(at: j)), at: j) }
  }

  static func backward(_ step: CellBackward) {
    let (h, dH, dGates) = (step.h.elements, step.dH.elements, step.gates.elements)
    for j in h.laneStarts {
      dGates.store(dH.lanes(at: j) * tanhSlope(value: h.lanes(at: j)), at: j)
    }
    dH.fill(0)
  }
}

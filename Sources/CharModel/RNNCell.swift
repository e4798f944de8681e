import Kernels

/// The simple recurrent cell: `h' = tanh(W_ih x + b_ih + W_hh h + b_hh)`.
///
/// Source: Elman, "Finding structure in time", 1990; as PyTorch's `RNN` with `tanh`.
enum RNNCell: Cell, Sendable {
  static let name = "rnn"
  static let gateCount = 1
  static let hasMemory = false
  static let keepsHiddenGatesApart = false

  static func step(_ x: [Float], _ state: inout CellState, _ weights: LayerWeights) {
    let h = state.h
    for j in h.indices {
      state.h[j] = tanh(weights.inputGate(j, x) + weights.hiddenGate(j, h))
    }
  }

  static func forward(_ step: CellForward) {
    let (gates, h) = (step.gates.elements, step.h.elements)
    for index in 0..<h.count { h[index] = tanh(gates[index]) }
  }

  static func backward(_ step: CellBackward) {
    let (h, dH, dGates) = (step.h.elements, step.dH.elements, step.gates.elements)
    for index in 0..<h.count { dGates[index] = dH[index] * tanhSlope(value: h[index]) }
    dH.fill(0)
  }
}

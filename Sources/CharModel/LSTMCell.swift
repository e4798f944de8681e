import Kernels

/// The long short-term memory, gates in the order `i f g o`:
///
/// - `i, f, o = sigmoid(W_i* x + b_i* + W_h* h + b_h*)`
/// - `g = tanh(W_ig x + b_ig + W_hg h + b_hg)`
/// - `c' = f * c + i * g`
/// - `h' = o * tanh(c')`
///
/// Source: Hochreiter and Schmidhuber, 1997, with the forget gate of Gers et al., 2000; as PyTorch's `LSTM`.
enum LSTMCell: Cell, Sendable {
  static let name = "lstm"
  static let gateCount = 4
  static let hasMemory = true
  static let keepsHiddenGatesApart = false

  static func step(_ x: [Float], _ state: inout CellState, _ weights: LayerWeights) {
    let h = state.h
    let H = h.count
    func gate(_ row: Int) -> Float { weights.inputGate(row, x) + weights.hiddenGate(row, h) }
    for j in h.indices {
      let i = sigmoid(gate(j))
      let f = sigmoid(gate(H + j))
      let g = tanh(gate(2 * H + j))
      let o = sigmoid(gate(3 * H + j))
      state.c[j] = f * state.c[j] + i * g
      state.h[j] = o * tanh(state.c[j])
    }
  }

  /// Leaves `i f g o` in `gates`.
  static func forward(_ step: CellForward) {
    let H = step.h.columns
    for b in 0..<step.h.rows {
      let gates = step.gates.row(b)
      let (previousC, c, h) = (step.previousC.row(b), step.c.row(b), step.h.row(b))
      for j in 0..<H {
        let i = sigmoid(gates[j])
        let f = sigmoid(gates[H + j])
        let g = tanh(gates[2 * H + j])
        let o = sigmoid(gates[3 * H + j])
        c[j] = f * previousC[j] + i * g
        h[j] = o * tanh(c[j])
        gates[j] = i
        gates[H + j] = f
        gates[2 * H + j] = g
        gates[3 * H + j] = o
      }
    }
  }

  static func backward(_ step: CellBackward) {
    let H = step.h.columns
    for b in 0..<step.h.rows {
      let gates = step.gates.row(b)
      let (previousC, c) = (step.previousC.row(b), step.c.row(b))
      let (dH, dC) = (step.dH.row(b), step.dC.row(b))
      for j in 0..<H {
        let (i, f) = (gates[j], gates[H + j])
        let (g, o) = (gates[2 * H + j], gates[3 * H + j])
        let tanhC = tanh(c[j])
        let dCNow = dC[j] + dH[j] * o * tanhSlope(value: tanhC)
        gates[j] = dCNow * g * sigmoidSlope(value: i)
        gates[H + j] = dCNow * previousC[j] * sigmoidSlope(value: f)
        gates[2 * H + j] = dCNow * i * tanhSlope(value: g)
        gates[3 * H + j] = dH[j] * tanhC * sigmoidSlope(value: o)
        dC[j] = dCNow * f
        dH[j] = 0
      }
    }
  }
}

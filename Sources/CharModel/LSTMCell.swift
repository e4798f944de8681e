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
  static let gatesInONNX = [0, 3, 1, 2]

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
    for b in 0..<step.h.rows {
      let gates = step.gates.row(b)
      let (gatesI, gatesF) = (gates.part(0, of: 4), gates.part(1, of: 4))
      let (gatesG, gatesO) = (gates.part(2, of: 4), gates.part(3, of: 4))
      let (previousC, c, h) = (step.previousC.row(b), step.c.row(b), step.h.row(b))
      for j in h.laneStarts {
        let i = sigmoid(gatesI.lanes(at: j))
        let f = sigmoid(gatesF.lanes(at: j))
        let g = tanh(gatesG.lanes(at: j))
        let o = sigmoid(gatesO.lanes(at: j))
        let cNow = f * previousC.lanes(at: j) + i * g
        c.store(cNow, at: j)
        h.store(o * tanh(cNow), at: j)
        gatesI.store(i, at: j)
        gatesF.store(f, at: j)
        gatesG.store(g, at: j)
        gatesO.store(o, at: j)
      }
    }
  }

  static func backward(_ step: CellBackward) {
    for b in 0..<step.h.rows {
      let gates = step.gates.row(b)
      let (gatesI, gatesF) = (gates.part(0, of: 4), gates.part(1, of: 4))
      let (gatesG, gatesO) = (gates.part(2, of: 4), gates.part(3, of: 4))
      let (previousC, c) = (step.previousC.row(b), step.c.row(b))
      let (dH, dC) = (step.dH.row(b), step.dC.row(b))
      for j in dH.laneStarts {
        let (i, f) = (gatesI.lanes(at: j), gatesF.lanes(at: j))
        let (g, o) = (gatesG.lanes(at: j), gatesO.lanes(at: j))
        let tanhC = tanh(c.lanes(at: j))
        let dHNow = dH.lanes(at: j)
        let dCNow = dC.lanes(at: j) + dHNow * o * tanhSlope(value: tanhC)
        gatesI.store(dCNow * g * sigmoidSlope(value: i), at: j)
        gatesF.store(dCNow * previousC.lanes(at: j) * sigmoidSlope(value: f), at: j)
        gatesG.store(dCNow * i * tanhSlope(value: g), at: j)
        gatesO.store(dHNow * tanhC * sigmoidSlope(value: o), at: j)
        dC.store(dCNow * f, at: j)
      }
      dH.fill(0)
    }
  }
}

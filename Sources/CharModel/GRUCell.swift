import Kernels

/// The gated recurrent unit, gates in the order `r z n`:
///
/// - `r = sigmoid(W_ir x + b_ir + W_hr h + b_hr)`
/// - `z = sigmoid(W_iz x + b_iz + W_hz h + b_hz)`
/// - `n = tanh(W_in x + b_in + r * (W_hn h + b_hn))`
/// - `h' = n + z * (h - n)`
///
/// Source: Cho et al., arXiv:1406.1078, with the reset after the product, as PyTorch's `GRU`.
enum GRUCell: Cell, Sendable {
  static let name = "gru"
  static let gateCount = 3
  static let hasMemory = false
  static let keepsHiddenGatesApart = true
  static let gatesInONNX = [1, 0, 2]

  static func step(_ x: [Float], _ state: inout CellState, _ weights: LayerWeights) {
    let h = state.h
    let H = h.count
    for j in h.indices {
      let r = sigmoid(weights.inputGate(j, x) + weights.hiddenGate(j, h))
      let z = sigmoid(weights.inputGate(H + j, x) + weights.hiddenGate(H + j, h))
      let n = tanh(weights.inputGate(2 * H + j, x) + r * weights.hiddenGate(2 * H + j, h))
      state.h[j] = n + z * (h[j] - n)
    }
  }

  /// Leaves `r z n` in `gates`, and `W_hn h + b_hn` in the third part of `hiddenGates`.
  static func forward(_ step: CellForward) {
    for b in 0..<step.h.rows {
      let (gates, hiddenGates) = (step.gates.row(b), step.hiddenGates.row(b))
      let (gatesR, gatesZ, gatesN) = (gates.part(0, of: 3), gates.part(1, of: 3), gates.part(2, of: 3))
      let (hiddenR, hiddenZ) = (hiddenGates.part(0, of: 3), hiddenGates.part(1, of: 3))
      let hiddenN = hiddenGates.part(2, of: 3)
      let (previousH, h) = (step.previousH.row(b), step.h.row(b))
      for j in h.laneStarts {
        let r = sigmoid(gatesR.lanes(at: j) + hiddenR.lanes(at: j))
        let z = sigmoid(gatesZ.lanes(at: j) + hiddenZ.lanes(at: j))
        let n = tanh(gatesN.lanes(at: j) + r * hiddenN.lanes(at: j))
        h.store(n + z * (previousH.lanes(at: j) - n), at: j)
        gatesR.store(r, at: j)
        gatesZ.store(z, at: j)
        gatesN.store(n, at: j)
      }
    }
  }

  static func backward(_ step: CellBackward) {
    for b in 0..<step.h.rows {
      let (gates, hiddenGates) = (step.gates.row(b), step.hiddenGates.row(b))
      let (gatesR, gatesZ, gatesN) = (gates.part(0, of: 3), gates.part(1, of: 3), gates.part(2, of: 3))
      let (hiddenR, hiddenZ) = (hiddenGates.part(0, of: 3), hiddenGates.part(1, of: 3))
      let hiddenN = hiddenGates.part(2, of: 3)
      let (previousH, dH) = (step.previousH.row(b), step.dH.row(b))
      for j in dH.laneStarts {
        let (r, z, n) = (gatesR.lanes(at: j), gatesZ.lanes(at: j), gatesN.lanes(at: j))
        let dHNow = dH.lanes(at: j)
        let dN = dHNow * (1 - z) * tanhSlope(value: n)
        let dR = dN * hiddenN.lanes(at: j) * sigmoidSlope(value: r)
        let dZ = dHNow * (previousH.lanes(at: j) - n) * sigmoidSlope(value: z)
        gatesR.store(dR, at: j)
        gatesZ.store(dZ, at: j)
        gatesN.store(dN, at: j)
        hiddenR.store(dR, at: j)
        hiddenZ.store(dZ, at: j)
        hiddenN.store(dN * r, at: j)
        dH.store(dHNow * z, at: j)
      }
    }
  }
}

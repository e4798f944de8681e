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
    let H = step.h.columns
    for b in 0..<step.h.rows {
      let (gates, hiddenGates) = (step.gates.row(b), step.hiddenGates.row(b))
      let (previousH, h) = (step.previousH.row(b), step.h.row(b))
      for j in 0..<H {
        let r = sigmoid(gates[j] + hiddenGates[j])
        let z = sigmoid(gates[H + j] + hiddenGates[H + j])
        let n = tanh(gates[2 * H + j] + r * hiddenGates[2 * H + j])
        h[j] = n + z * (previousH[j] - n)
        gates[j] = r
        gates[H + j] = z
        gates[2 * H + j] = n
      }
    }
  }

  static func backward(_ step: CellBackward) {
    let H = step.h.columns
    for b in 0..<step.h.rows {
      let (gates, hiddenGates) = (step.gates.row(b), step.hiddenGates.row(b))
      let (previousH, dH) = (step.previousH.row(b), step.dH.row(b))
      for j in 0..<H {
        let (r, z, n) = (gates[j], gates[H + j], gates[2 * H + j])
        let hiddenN = hiddenGates[2 * H + j]
        let dN = dH[j] * (1 - z) * tanhSlope(value: n)
        let dR = dN * hiddenN * sigmoidSlope(value: r)
        let dZ = dH[j] * (previousH[j] - n) * sigmoidSlope(value: z)
        gates[j] = dR
        gates[H + j] = dZ
        gates[2 * H + j] = dN
        hiddenGates[j] = dR
        hiddenGates[H + j] = dZ
        hiddenGates[2 * H + j] = dN * r
        dH[j] *= z
      }
    }
  }
}

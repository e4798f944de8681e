import Kernels

/// The state of all layers for one stream, `[L]`.
public typealias StreamState = [CellState]

// The explicit path over time: one stream, one character at a time, in the cells' plain equations.
extension ParameterSet {
  /// The state before any text.
  public func initialStreamState() -> StreamState {
    let zero = [Float](repeating: 0, count: config.hidden)
    let state = CellState(h: zero, c: config.cell.cell.hasMemory ? zero : [])
    return StreamState(repeating: state, count: config.layers)
  }

  /// Reads `token`, advances `state`, and returns the logits `[V]` of the token that follows. No dropout.
  public func step(_ token: UInt16, _ state: inout StreamState) -> [Float] {
    var x = embedding.row(Int(token)).array
    for k in layers.indices {
      config.cell.cell.step(x, &state[k], layers[k])
      x = state[k].h
    }
    return (0..<config.vocabulary).map { v in dot(outputWeight.row(v), x) + outputBias[v] }
  }
}

import Kernels

/// The recurrent state of `streams` streams, zero at first; owned by whoever runs the model.
public struct HiddenState: ~Copyable {
  public let config: ModelConfig
  /// B.
  public let streams: Int

  private let hBuffer: FloatBuffer
  private let cBuffer: FloatBuffer

  public init(_ config: ModelConfig, streams: Int) {
    self.config = config
    self.streams = streams
    let count = config.layers * streams * config.hidden
    hBuffer = FloatBuffer(count: count)
    cBuffer = FloatBuffer(count: config.cell.cell.hasMemory ? count : 0)
  }

  /// `h` of all layers, `[L, B, H]`.
  public var h: Vector { hBuffer.elements }
  /// `c` of all layers, `[L, B, H]`, or empty if the cell has no memory.
  public var c: Vector { cBuffer.elements }

  /// `h` of one layer, `[B, H]`.
  public func h(layer: Int) -> Matrix { part(of: h, layer) }
  /// `c` of one layer, `[B, H]`, or no rows if the cell has no memory.
  public func c(layer: Int) -> Matrix { part(of: c, layer) }

  /// Sets the state to zero, as at the start of a text.
  public func reset() {
    h.fill(0)
    c.fill(0)
  }

  private func part(of all: Vector, _ layer: Int) -> Matrix {
    let size = all.count / config.layers
    return all.slice(layer * size..<(layer + 1) * size)
      .matrix(rows: size / config.hidden, columns: config.hidden)
  }
}

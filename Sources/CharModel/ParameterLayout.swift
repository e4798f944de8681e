import Kernels

/// Where each named tensor of a model lies in one flat array of floats.
///
/// Every tensor starts on a 64-byte boundary; the gaps between are zero in parameters, gradients and
/// moments alike, and stay so.
public struct ParameterLayout: Equatable, Sendable {
  public struct Tensor: Equatable, Sendable {
    /// PyTorch's name for it, such as `rnn.weight_ih_l0`.
    public let name: String
    public let shape: [Int]
    /// Its place in the flat array.
    public let range: Range<Int>
  }

  public let tensors: [Tensor]
  /// The length of the flat array, gaps included.
  public let flatCount: Int

  /// The number of parameters, without the gaps.
  public var parameterCount: Int { tensors.reduce(0) { $0 + $1.range.count } }

  /// For each layer the part of the flat array whose gradient is final once the layer has gone backward: its own tensors, with the
  /// embedding for the first, and the output layer for the last.
  public var layerChunks: [Range<Int>] {
    let layers = (tensors.count - 3) / 4
    let starts = (0..<layers).map { $0 == 0 ? 0 : tensors[1 + 4 * $0].range.lowerBound }
    return zip(starts, starts.dropFirst() + [flatCount]).map { $0..<$1 }
  }

  public init(_ config: ModelConfig) {
    var tensors: [Tensor] = []
    var next = 0
    func append(_ name: String, _ shape: [Int]) {
      let count = shape.reduce(1, *)
      tensors.append(Tensor(name: name, shape: shape, range: next..<next + count))
      let unit = FloatBuffer.alignedFloats
      next += (count + unit - 1) / unit * unit
    }
    append("e.weight", [config.vocabulary, config.embedding])
    for k in 0..<config.layers {
      append("rnn.weight_ih_l\(k)", [config.gateRows, config.inputWidth(layer: k)])
      append("rnn.weight_hh_l\(k)", [config.gateRows, config.hidden])
      append("rnn.bias_ih_l\(k)", [config.gateRows])
      append("rnn.bias_hh_l\(k)", [config.gateRows])
    }
    append("l_out.weight", [config.vocabulary, config.hidden])
    append("l_out.bias", [config.vocabulary])
    self.tensors = tensors
    self.flatCount = next
  }
}

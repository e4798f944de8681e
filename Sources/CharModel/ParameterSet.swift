import Kernels

/// One float for every parameter of a model, in one flat array with named views: the parameters
/// themselves, their gradient, or one of Adam's moments.
public final class ParameterSet {
  public let config: ModelConfig
  public let layout: ParameterLayout
  /// The embedding `[V, E]`.
  public let embedding: Matrix
  /// `[L]`.
  public let layers: [LayerWeights]
  /// The output layer: `[V, H]` and `[V]`.
  public let outputWeight: Matrix
  public let outputBias: Vector

  private let buffer: FloatBuffer

  /// All zero.
  public init(_ config: ModelConfig) {
    let layout = ParameterLayout(config)
    let buffer = FloatBuffer(count: layout.flatCount)
    var tensors = layout.tensors.makeIterator()
    let flat = buffer.elements
    func nextVector() -> Vector { flat.slice(tensors.next()!.range) }
    func nextMatrix() -> Matrix {
      let tensor = tensors.next()!
      return flat.slice(tensor.range)
        .matrix(rows: tensor.shape[0], columns: tensor.shape[1])
    }
    embedding = nextMatrix()
    layers = (0..<config.layers).map { _ in
      LayerWeights(
        inputWeight: nextMatrix(), hiddenWeight: nextMatrix(),
        inputBias: nextVector(), hiddenBias: nextVector())
    }
    outputWeight = nextMatrix()
    outputBias = nextVector()
    self.config = config
    self.layout = layout
    self.buffer = buffer
  }

  /// All elements, gaps included: a view, which must not outlive this object.
  public var flat: Vector { buffer.elements }

  /// A copy of all elements, gaps included.
  public var values: [Float] { flat.array }

  /// Whether no element is infinite or NaN.
  public var areFinite: Bool { norm(flat).isFinite }

  /// The elements of one tensor, row-major.
  public func elements(of tensor: ParameterLayout.Tensor) -> Vector {
    flat.slice(tensor.range)
  }
}

/// The weights of one recurrent layer, or something of the same shape.
public struct LayerWeights {
  /// `W_ih`, `[G*H, in]`.
  public let inputWeight: Matrix
  /// `W_hh`, `[G*H, H]`.
  public let hiddenWeight: Matrix
  /// `b_ih` and `b_hh`, `[G*H]`.
  public let inputBias: Vector
  public let hiddenBias: Vector

  /// Row `row` of `W_ih x + b_ih`.
  func inputGate(_ row: Int, _ x: [Float]) -> Float {
    dot(inputWeight.row(row), x) + inputBias[row]
  }

  /// Row `row` of `W_hh h + b_hh`.
  func hiddenGate(_ row: Int, _ h: [Float]) -> Float {
    dot(hiddenWeight.row(row), h) + hiddenBias[row]
  }
}

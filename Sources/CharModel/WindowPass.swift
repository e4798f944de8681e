import Kernels

/// The model over one window of all its streams: logits and loss forward, gradients backward.
///
/// It owns every activation, made once for windows of at most `capacity` time steps, and no parameter
/// or state. All `[T, ...]` arrays have time first: row `t * B + b` belongs to time `t` of stream `b`.
public final class WindowPass {
  /// B.
  public let streams: Int
  /// The largest T.
  public let capacity: Int

  /// Told which phase begins, where somebody measures.
  public var clock: PhaseClock?

  private let parameters: ParameterSet
  private let tokens: TokenInput
  private let layers: [LayerPass]
  private let outputForward: RightFactor
  private let outputBackward: RightFactor
  /// For each layer but the last, what the next one reads, and the factors of its dropout, `[T*B, H]`.
  private let dropped: [Matrix]
  private let masks: [Matrix]
  /// The gradient by a layer's output, `[T*B, H]`, for the layer at hand and for the one below.
  private let dOutput: Matrix
  private let dOutputBelow: Matrix
  /// `[T*B, V]`.
  private let logits: Matrix
  /// The loss of every row, `[T*B]`, in nats.
  private var rowLosses: [Double]
  private let gradientProduct: GradientProduct
  private let embeddingSums: VectorStack
  private let team: ThreadTeam
  private let memory: PassMemory

  /// Which random numbers a window's dropout draws.
  public struct DropoutSite: Sendable {
    public let random: RandomSource
    /// The global step.
    public let step: Int
    /// The global number of this pass's stream 0.
    public let firstStream: Int

    public init(random: RandomSource, step: Int, firstStream: Int) {
      self.random = random
      self.step = step
      self.firstStream = firstStream
    }
  }

  /// - Parameters:
  ///   - capacity: the largest T.
  ///   - depth: that of the deepest `SumTree` of a gradient.
  public init(
    _ parameters: ParameterSet, streams: Int, capacity: Int, depth: Int = 1, _ compute: Compute
  ) {
    precondition(streams >= 1 && capacity >= 1)
    let config = parameters.config
    let rows = capacity * streams
    let memory = PassMemory()
    self.parameters = parameters
    team = compute.team
    self.streams = streams
    self.capacity = capacity
    tokens = TokenInput(parameters, streams: streams, capacity: capacity)
    layers = parameters.layers.map {
      LayerPass(config, $0, streams: streams, capacity: capacity, compute)
    }
    outputForward = RightFactor(inner: config.hidden, columns: config.vocabulary, compute)
    outputBackward = RightFactor(inner: config.vocabulary, columns: config.hidden, compute)
    let boundaries = config.dropout > 0 ? config.layers - 1 : 0
    dropped = (0..<boundaries).map { _ in memory.matrix(rows, config.hidden) }
    masks = (0..<boundaries).map { _ in memory.matrix(rows, config.hidden) }
    dOutput = memory.matrix(rows, config.hidden)
    dOutputBelow = memory.matrix(config.layers > 1 ? rows : 0, config.hidden)
    logits = memory.matrix(rows, config.vocabulary)
    rowLosses = [Double](repeating: 0, count: rows)
    gradientProduct = GradientProduct(
      rows: rows, columns: max(config.gateRows, config.vocabulary), depth: depth, compute)
    embeddingSums = VectorStack(capacity: config.vocabulary * config.embedding, depth: depth)
    self.memory = memory
  }

  /// Runs `inputs` `[T, B]` from `state`, which it advances, and returns the logits `[T*B, V]`.
  ///
  /// - Parameter dropout: where its random numbers come from, or nil for none (evaluation).
  public func forward(
    _ inputs: [UInt16], state: borrowing HiddenState, dropout: DropoutSite? = nil
  ) -> Matrix {
    let length = inputs.count / streams
    let rows = length * streams
    precondition(length >= 1 && length <= capacity && inputs.count == rows)
    precondition(state.streams == streams)
    for k in layers.indices {
      clock?.enter(.forward)
      layers[k].prepareForward()
      if k == 0 {
        clock?.enter(.embed)
        tokens.forward(inputs, layers[k])
        clock?.enter(.forward)
      } else {
        if let dropout, !masks.isEmpty { drop(k - 1, length, dropout) }
        layers[k].project(
          input(of: k, rows, dropped: dropout != nil), into: layers[k].inputGates(length: length))
      }
      layers[k].forward(length: length, stateH: state.h(layer: k), stateC: state.c(layer: k))
    }
    let result = logits.rows(0..<rows)
    outputForward.prepare(transposing: parameters.outputWeight)
    outputForward.multiply(
      layers.last!.output(length: length), from: .bias(parameters.outputBias), into: result)
    return result
  }

  /// A checksum over the bits of the parameters that the last window was run forward with.
  public var checksum: UInt64 {
    let ends = (outputForward.checksum &* 31 &+ bitHash(parameters.outputBias)) &* 31
    return layers.reduce(ends &+ bitHash(parameters.embedding.elements)) { $0 &* 31 &+ $1.checksum }
  }

  /// The loss of the window just run forward, summed over its `[T, B]` targets, in nats.
  public func loss(_ targets: [UInt16]) -> Double {
    softmaxLoss(logits: logits.rows(0..<targets.count), targets: targets, losses: &rowLosses)
    return rowLosses[0..<targets.count].reduce(0, +)
  }

  /// Writes the gradient of `scale * loss` for the window just run forward on `inputs`, whose loss is summed over `targets`.
  ///
  /// - Parameters:
  ///   - dropped: whether it was run with dropout.
  ///   - parts: overwritten; each is summed over its own streams.
  public func backward(
    _ inputs: [UInt16], _ targets: [UInt16], dropped: Bool, scale: Float, into parts: [GradientPart]
  ) {
    precondition(inputs.count == targets.count)
    let rows = targets.count
    let length = rows / streams
    let dLogits = logits.rows(0..<rows)
    clock?.enter(.loss)
    softmaxLossAndGradient(inPlace: dLogits, targets: targets, scale: scale, losses: &rowLosses)
    clock?.enter(.backward)
    for part in parts {
      gradientProduct.take(dLogits, part.rows(length: length, streams: streams))
      gradientProduct.multiply(layers.last!.output(length: length), into: part.gradient.outputWeight)
      gradientProduct.sumRows(into: part.gradient.outputBias)
    }

    var (here, below) = (dOutput, dOutputBelow)
    outputBackward.prepare(parameters.outputWeight)
    outputBackward.multiply(dLogits, from: .zero, into: here.rows(0..<rows))
    for k in layers.indices.reversed() {
      layers[k].prepareBackward()
      layers[k].backward(length: length, dOutput: here.rows(0..<rows))
      let input = k == 0 ? nil : input(of: k, rows, dropped: dropped)
      for part in parts {
        layers[k].writeGradient(
          gradientProduct, input: input, part.rows(length: length, streams: streams),
          into: part.gradient.layers[k])
      }
      if k == 0 {
        clock?.enter(.embed)
        for part in parts { tokens.backward(inputs, layers[k], part, gradientProduct, embeddingSums) }
      }
      if k > 0 {
        let dInput = below.rows(0..<rows)
        layers[k].backProject(layers[k].dInputGates(length: length), into: dInput)
        if dropped, !masks.isEmpty {
          multiplyElements(dInput.elements, masks[k - 1].rows(0..<rows).elements, into: dInput.elements)
        }
      }
      swap(&here, &below)
    }
  }

  /// The loss over some streams of the window just run backward, in nats.
  public func loss(ofStreams block: Range<Int>, length: Int) -> Double {
    var sum = 0.0
    for t in 0..<length {
      for stream in block { sum += rowLosses[t * streams + stream] }
    }
    return sum
  }

  /// What layer `k`, not the first, reads, `[T*B, in]`.
  private func input(of k: Int, _ rows: Int, dropped isDropped: Bool) -> Matrix {
    if isDropped, !masks.isEmpty { return dropped[k - 1].rows(0..<rows) }
    return layers[k - 1].output(length: rows / streams)
  }

  /// Draws the masks behind layer `k` and applies them to its output.
  private func drop(_ k: Int, _ length: Int, _ dropout: DropoutSite) {
    team.share(length * streams) { rows, _ in
      for row in rows {
        let site = RandomSource.Site(
          step: dropout.step, layer: k, time: row / streams, stream: dropout.firstStream + row % streams)
        dropout.random.fillDropoutMask(masks[k].row(row), dropout: parameters.config.dropout, at: site)
      }
    }
    let rows = 0..<length * streams
    multiplyElements(
      layers[k].output(length: length).elements, masks[k].rows(rows).elements,
      into: dropped[k].rows(rows).elements)
  }
}

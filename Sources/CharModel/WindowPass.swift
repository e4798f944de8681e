import Kernels

/// A point that the backward pass has reached.
public enum BackwardPoint {
  /// Somewhere in a layer.
  case between
  /// The gradients by the parameters of this layer are final: for the first with those by the embedding, for the last with those by the output layer.
  case layerEnded(Int)
}

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
  /// Behind each layer, nil where nothing is dropped.
  private let dropouts: [LayerDropout?]
  /// Where the dropout of the window just run drew its numbers, nil if it was run without.
  private var dropoutSite: DropoutSite?
  /// The gradient by a layer's output, `[T*B, H]`, for the layer at hand and for the one below.
  private let dOutput: Matrix
  private let dOutputBelow: Matrix
  /// `[T*B, V]`.
  private let logits: Matrix
  /// The loss of every row, `[T*B]`, in nats.
  private var rowLosses: [Double]
  private let gradientProduct: GradientProduct
  private let embeddingSums: VectorStack
  private let memory: PassMemory
  private let weightsAreFixed: Bool
  private var isPrepared = false

  /// - Parameters:
  ///   - parameters: the model's; they may change from window to window.
  ///   - streams: B.
  ///   - capacity: the largest T.
  ///   - depth: that of the deepest `SumTree` of a gradient.
  ///   - dropout: what is dropped in windows that are run with a `DropoutSite`.
  ///   - weightsAreFixed: the parameters never change, so that they are taken once; there is no way backward then.
  ///   - compute: what multiplies, on which threads.
  public init(
    _ parameters: ParameterSet, streams: Int, capacity: Int, depth: Int = 1, dropout: Dropout = .none,
    weightsAreFixed: Bool = false, _ compute: Compute
  ) {
    precondition(streams >= 1 && capacity >= 1)
    let config = parameters.config
    let rows = capacity * streams
    let memory = PassMemory()
    self.parameters = parameters
    self.streams = streams
    self.capacity = capacity
    tokens = TokenInput(parameters, streams: streams, capacity: capacity)
    let panels = LayerPanels(config, compute)
    layers = parameters.layers.map { weights in
      LayerPass(
        config, weights, streams: streams, capacity: capacity,
        weightsAreFixed ? LayerPanels(config, compute) : panels, compute)
    }
    self.weightsAreFixed = weightsAreFixed
    dropouts = (0..<config.layers).map { k in
      let rate = k == config.layers - 1 ? dropout.output : dropout.between
      guard rate > 0 else { return nil }
      return LayerDropout(
        rate: rate, behind: k, width: config.hidden, streams: streams, capacity: capacity, compute.team)
    }
    outputForward = RightFactor(inner: config.hidden, columns: config.vocabulary, compute)
    outputBackward = RightFactor(inner: config.vocabulary, columns: config.hidden, compute)
    dOutput = memory.matrix(rows, config.hidden)
    dOutputBelow = memory.matrix(config.layers > 1 ? rows : 0, config.hidden)
    logits = memory.matrix(rows, config.vocabulary)
    rowLosses = [Double](repeating: 0, count: rows)
    gradientProduct = GradientProduct(
      rows: rows, columns: max(config.gateRows, config.vocabulary), depth: depth, compute)
    embeddingSums = VectorStack(capacity: config.vocabulary * config.embedding, depth: depth)
    self.memory = memory
  }

  /// Runs a window forward, and returns the logits `[T*B, V]`.
  ///
  /// - Parameters:
  ///   - inputs: `[T, B]`.
  ///   - state: of the streams before the window; advanced to that after it.
  ///   - dropout: where its random numbers come from, or nil for none (evaluation).
  public func forward(
    _ inputs: [UInt16], state: borrowing HiddenState, dropout: DropoutSite? = nil
  ) -> Matrix {
    let length = inputs.count / streams
    let rows = length * streams
    precondition(length >= 1 && length <= capacity && inputs.count == rows)
    precondition(state.streams == streams)
    dropoutSite = dropout
    let takesWeights = !(weightsAreFixed && isPrepared)
    isPrepared = true
    for k in layers.indices {
      clock?.enter(.forward)
      if takesWeights { layers[k].prepareForward() }
      if k == 0 {
        clock?.enter(.embed)
        tokens.forward(inputs, layers[k])
        clock?.enter(.forward)
      } else {
        layers[k].project(output(of: k - 1, length), into: layers[k].inputGates(length: length))
      }
      layers[k].forward(length: length, stateH: state.h(layer: k), stateC: state.c(layer: k))
      if let dropout { dropouts[k]?.drop(layers[k].output(length: length), dropout) }
    }
    let result = logits.rows(0..<rows)
    if takesWeights { outputForward.prepare(transposing: parameters.outputWeight) }
    outputForward.multiply(
      output(of: layers.count - 1, length), from: .bias(parameters.outputBias), into: result)
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

  /// Writes the gradient of `scale * loss` for the window just run forward.
  ///
  /// - Parameters:
  ///   - inputs: those of the forward pass, `[T, B]`.
  ///   - targets: `[T, B]`, over which the loss is summed.
  ///   - scale: such as one over their number.
  ///   - parts: overwritten; each is summed over its own streams.
  ///   - reached: called at many points on the way, for whoever has something to do meanwhile.
  public func backward(
    _ inputs: [UInt16], _ targets: [UInt16], scale: Float, into parts: [GradientPart],
    reached: (BackwardPoint) throws -> Void
  ) rethrows {
    precondition(inputs.count == targets.count && !weightsAreFixed)
    let rows = targets.count
    let length = rows / streams
    let dLogits = logits.rows(0..<rows)
    clock?.enter(.loss)
    softmaxLossAndGradient(inPlace: dLogits, targets: targets, scale: scale, losses: &rowLosses)
    clock?.enter(.backward)
    for part in parts {
      gradientProduct.take(dLogits, part.rows(length: length, streams: streams))
      gradientProduct.multiply(output(of: layers.count - 1, length), into: part.gradient.outputWeight)
      gradientProduct.sumRows(into: part.gradient.outputBias)
    }

    var (here, below) = (dOutput, dOutputBelow)
    outputBackward.prepare(parameters.outputWeight)
    outputBackward.multiply(dLogits, from: .zero, into: here.rows(0..<rows))
    if dropoutSite != nil { dropouts.last!?.dropGradient(here.rows(0..<rows)) }
    for k in layers.indices.reversed() {
      layers[k].prepareBackward()
      try layers[k].backward(length: length, dOutput: here.rows(0..<rows)) { try reached(.between) }
      let input = k == 0 ? nil : output(of: k - 1, length)
      for part in parts {
        layers[k].writeGradient(
          gradientProduct, input: input, part.rows(length: length, streams: streams),
          into: part.gradient.layers[k])
        try reached(.between)
      }
      if k == 0 {
        clock?.enter(.embed)
        for part in parts { tokens.backward(inputs, layers[k], part, gradientProduct, embeddingSums) }
      }
      try reached(.layerEnded(k))
      if k > 0 {
        let dInput = below.rows(0..<rows)
        layers[k].backProject(layers[k].dInputGates(length: length), into: dInput)
        if dropoutSite != nil { dropouts[k - 1]?.dropGradient(dInput) }
      }
      swap(&here, &below)
    }
  }

  /// The same with nothing to do meanwhile.
  public func backward(
    _ inputs: [UInt16], _ targets: [UInt16], scale: Float, into parts: [GradientPart]
  ) {
    backward(inputs, targets, scale: scale, into: parts) { _ in }
  }

  /// The loss over some streams of the window whose ``loss(_:)`` or gradient has just been taken, in nats.
  public func loss(ofStreams block: Range<Int>, length: Int) -> Double {
    var sum = 0.0
    for t in 0..<length {
      for stream in block { sum += rowLosses[t * streams + stream] }
    }
    return sum
  }

  /// The loss of one character of that window, in nats.
  public func loss(ofStream stream: Int, at t: Int) -> Double { rowLosses[t * streams + stream] }

  /// What layer `k` gives to whatever comes behind it, `[T*B, H]`.
  private func output(of k: Int, _ length: Int) -> Matrix {
    if dropoutSite != nil, let dropout = dropouts[k] { return dropout.output(length: length) }
    return layers[k].output(length: length)
  }
}

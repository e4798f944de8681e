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

  private let parameters: ParameterSet
  private let layers: [LayerPass]
  /// What layer 0 reads, `[T*B, E]`, and its gradient.
  private let embedded: Matrix
  private let dEmbedded: Matrix
  /// For each layer but the last, what the next one reads, and the factors of its dropout, `[T*B, H]`.
  private let dropped: [Matrix]
  private let masks: [Matrix]
  /// The gradient by a layer's output, `[T*B, H]`, for the layer at hand and for the one below.
  private let dOutput: Matrix
  private let dOutputBelow: Matrix
  /// `[T*B, V]`.
  private let logits: Matrix
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

  public init(_ parameters: ParameterSet, streams: Int, capacity: Int) {
    precondition(streams >= 1 && capacity >= 1)
    let config = parameters.config
    let rows = capacity * streams
    let memory = PassMemory()
    self.parameters = parameters
    self.streams = streams
    self.capacity = capacity
    layers = parameters.layers.map {
      LayerPass(config, $0, streams: streams, capacity: capacity)
    }
    embedded = memory.matrix(rows, config.embedding)
    dEmbedded = memory.matrix(rows, config.embedding)
    let boundaries = config.dropout > 0 ? config.layers - 1 : 0
    dropped = (0..<boundaries).map { _ in memory.matrix(rows, config.hidden) }
    masks = (0..<boundaries).map { _ in memory.matrix(rows, config.hidden) }
    dOutput = memory.matrix(rows, config.hidden)
    dOutputBelow = memory.matrix(config.layers > 1 ? rows : 0, config.hidden)
    logits = memory.matrix(rows, config.vocabulary)
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
    for (row, token) in inputs.enumerated() {
      embedded.row(row).copy(from: parameters.embedding.row(Int(token)))
    }
    for k in layers.indices {
      if k > 0, let dropout, !masks.isEmpty { drop(k - 1, length, dropout) }
      layers[k].forward(
        input(of: k, rows, dropped: dropout != nil), length: length,
        stateH: state.h(layer: k), stateC: state.c(layer: k))
    }
    let result = logits.rows(0..<rows)
    multiply(
      layers.last!.output(length: length), transposing: parameters.outputWeight, into: result)
    addToEachRow(parameters.outputBias, of: result)
    return result
  }

  /// The loss of the window just run forward, summed over its `[T, B]` targets, in nats.
  public func loss(_ targets: [UInt16]) -> Double {
    softmaxLoss(logits: logits.rows(0..<targets.count), targets: targets)
  }

  /// Writes the gradient of `scale * loss` for the window just run forward on `inputs` with `dropped`
  /// telling whether it had dropout, and returns the loss, summed over the targets, in nats.
  ///
  /// - Parameter gradient: overwritten.
  public func backward(
    _ inputs: [UInt16], _ targets: [UInt16], dropped: Bool, scale: Float, into gradient: ParameterSet
  ) -> Double {
    precondition(inputs.count == targets.count)
    let rows = targets.count
    let length = rows / streams
    let dLogits = logits.rows(0..<rows)
    let loss = softmaxLossAndGradient(inPlace: dLogits, targets: targets, scale: scale)
    let lastOutput = layers.last!.output(length: length)
    multiply(transposing: dLogits, lastOutput, into: gradient.outputWeight)
    sumRows(of: dLogits, into: gradient.outputBias)

    var (here, below) = (dOutput, dOutputBelow)
    multiply(dLogits, parameters.outputWeight, into: here.rows(0..<rows))
    for k in layers.indices.reversed() {
      let dInput = (k == 0 ? dEmbedded : below).rows(0..<rows)
      layers[k].backward(
        input(of: k, rows, dropped: dropped), length: length,
        dOutput: here.rows(0..<rows), dInput: dInput, gradient: gradient.layers[k])
      if k > 0, dropped, !masks.isEmpty {
        let mask = masks[k - 1].rows(0..<rows)
        multiplyElements(dInput.elements, mask.elements, into: dInput.elements)
      }
      swap(&here, &below)
    }

    gradient.embedding.elements.fill(0)
    for (row, token) in inputs.enumerated() {
      add(dEmbedded.row(row), to: gradient.embedding.row(Int(token)))
    }
    return loss
  }

  /// What layer `k` reads, `[T*B, in]`.
  private func input(of k: Int, _ rows: Int, dropped isDropped: Bool) -> Matrix {
    if k == 0 { return embedded.rows(0..<rows) }
    if isDropped, !masks.isEmpty { return dropped[k - 1].rows(0..<rows) }
    return layers[k - 1].output(length: rows / streams)
  }

  /// Draws the masks behind layer `k` and applies them to its output.
  private func drop(_ k: Int, _ length: Int, _ dropout: DropoutSite) {
    for t in 0..<length {
      for b in 0..<streams {
        dropout.random.fillDropoutMask(
          masks[k].row(t * streams + b), dropout: parameters.config.dropout,
          at: .init(step: dropout.step, layer: k, time: t, stream: dropout.firstStream + b))
      }
    }
    let rows = 0..<length * streams
    multiplyElements(
      layers[k].output(length: length).elements, masks[k].rows(rows).elements,
      into: dropped[k].rows(rows).elements)
  }
}

import Kernels

/// What training drops: where, and how often. Probabilities are in [0, 1); what is kept grows by `1 / (1 - p)`.
public struct Dropout: Equatable, Sendable {
  /// Of an element on its way from a layer to the next.
  public let between: Float
  /// Of an element on its way from the last layer to the output layer.
  public let output: Float

  public init(between: Float = 0, output: Float = 0) {
    precondition([between, output].allSatisfy { $0 >= 0 && $0 < 1 })
    self.between = between
    self.output = output
  }

  /// Nothing is dropped.
  public static let none = Dropout()
}

/// Which random numbers a window's dropout draws.
public struct DropoutSite: Sendable {
  public let random: RandomSource
  /// The global step.
  public let step: Int
  /// The global number of the pass's stream 0.
  public let firstStream: Int

  public init(random: RandomSource, step: Int, firstStream: Int) {
    self.random = random
    self.step = step
    self.firstStream = firstStream
  }
}

/// Dropout behind one layer over one window: its masks, and what they leave of the layer's output.
final class LayerDropout {
  private let rate: Float
  private let layer: Int
  private let streams: Int
  private let team: ThreadTeam
  /// `[T*B, H]`.
  private let masks: Matrix
  /// `[T*B, H]`.
  private let kept: Matrix
  private let memory: PassMemory

  init(
    rate: Float, behind layer: Int, width: Int, streams: Int, capacity: Int, _ team: ThreadTeam
  ) {
    let memory = PassMemory()
    self.rate = rate
    self.layer = layer
    self.streams = streams
    self.team = team
    masks = memory.matrix(capacity * streams, width)
    kept = memory.matrix(capacity * streams, width)
    self.memory = memory
  }

  /// What is left of the layer's output, `[T*B, H]`.
  func output(length: Int) -> Matrix { kept.rows(0..<length * streams) }

  /// Draws the masks and applies them to the layer's `output` `[T*B, H]`.
  func drop(_ output: Matrix, _ site: DropoutSite) {
    team.share(output.rows) { rows, _ in
      for row in rows {
        let place = RandomSource.Site(
          step: site.step, layer: layer, time: row / streams, stream: site.firstStream + row % streams)
        site.random.fillDropoutMask(masks.row(row), .dropout, rate: rate, at: place)
      }
    }
    mask(output, into: kept)
  }

  /// Turns the gradient by what was left into that by the layer's output, `[T*B, H]`, in place.
  func dropGradient(_ gradient: Matrix) { mask(gradient, into: gradient) }

  private func mask(_ values: Matrix, into result: Matrix) {
    let rows = 0..<values.rows
    multiplyElements(values.elements, masks.rows(rows).elements, into: result.rows(rows).elements)
  }
}

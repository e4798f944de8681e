import CharModel
import Glibc
import Ranks

/// How many of many numbers are about as large as which, in buckets that grow by a tenth each on both sides of zero.
public struct Histogram: Equatable, Sendable {
  /// Of each bucket.
  public private(set) var counts = [Double](repeating: 0, count: limits.count)
  public private(set) var sum = 0.0
  public private(set) var sumOfSquares = 0.0

  /// The upper ends of the buckets, ascending; the last is beyond every number.
  public static let limits: [Double] = {
    let positive = (0..<powers).map { smallest * pow(growth, Double($0)) }
    return positive.reversed().map { -$0 } + positive + [.greatestFiniteMagnitude]
  }()

  private static let smallest = 1e-12
  private static let growth = 1.1
  /// Up to 1e12 or so.
  private static let powers = 580

  mutating func add(_ value: Float) {
    let value = Double(value)
    sum += value
    sumOfSquares += value * value
    counts[Self.bucket(value)] += 1
  }

  /// The first whose limit is above `value`.
  private static func bucket(_ value: Double) -> Int {
    var (low, high) = (0, limits.count - 1)
    while low < high {
      let middle = (low + high) / 2
      if limits[middle] > value { high = middle } else { low = middle + 1 }
    }
    return low
  }

  /// Replaces each of the histograms by that of all ranks' numbers.
  ///
  /// - Throws: `RankError`.
  static func sum(_ histograms: inout [Histogram], _ world: any World) throws {
    let width = limits.count + 2
    var flat = histograms.flatMap { $0.counts + [$0.sum, $0.sumOfSquares] }
    try world.sum(&flat)
    for index in histograms.indices {
      let part = flat[index * width..<(index + 1) * width]
      histograms[index].counts = Array(part.dropLast(2))
      histograms[index].sum = part[part.endIndex - 2]
      histograms[index].sumOfSquares = part[part.endIndex - 1]
    }
  }
}

/// The histogram of one tensor's elements, or of their gradient.
public struct TensorHistogram: Sendable {
  /// Such as `rnn.weight_ih_l0`.
  public let tensor: String
  public let isGradient: Bool
  public let histogram: Histogram
}

extension Trainer {
  /// Of every tensor, and of its gradient in the last step; the same on every rank.
  ///
  /// - Throws: `RankError`.
  func histograms() throws -> [TensorHistogram] {
    let layout = parameters.layout
    let own = reduction.ownElements
    // Where every rank has all of them, one counts them.
    let counted = own == [0..<layout.flatCount] && world.rank > 0 ? [] : own
    var histograms: [Histogram] = []
    for flat in [parameters.flat, reduction.gradient.flat] {
      for tensor in layout.tensors {
        var histogram = Histogram()
        for range in counted {
          for index in range.clamped(to: tensor.range) where flat[index].isFinite {
            histogram.add(flat[index])
          }
        }
        histograms.append(histogram)
      }
    }
    try Histogram.sum(&histograms, world)
    return histograms.enumerated().map { index, histogram in
      TensorHistogram(
        tensor: layout.tensors[index % layout.tensors.count].name,
        isGradient: index >= layout.tensors.count, histogram: histogram)
    }
  }
}

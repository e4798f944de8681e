import CharModel
import Kernels

/// The speed of the largest matrix product that this core does well: what training could reach at most.
enum PeakProduct {
  /// Large enough that packing costs nothing, small enough for a fraction of a second.
  private static let size = 1024
  private static let repetitions = 6

  /// The best of both backends and several tries, in floating-point operations a second.
  static func measure() -> Double {
    let buffer = FloatBuffer(count: 3 * size * size)
    let matrices = (0..<3).map {
      buffer.elements.slice($0 * size * size..<($0 + 1) * size * size).matrix(rows: size, columns: size)
    }
    // Numbers of ordinary size: some processors are slower on others.
    for matrix in matrices { for index in 0..<size * size { matrix.elements[index] = Float(index % 7) - 3 } }
    var best = Double.infinity
    for backend in ProductBackend.allCases {
      let factor = RightFactor(inner: size, columns: size, Compute(backend))
      factor.prepare(matrices[1])
      for _ in 0..<repetitions {
        let start = PhaseClock.now()
        factor.multiply(matrices[0], from: .zero, into: matrices[2])
        best = min(best, Double(PhaseClock.now() - start) * 1e-9)
      }
    }
    return 2 * Double(size * size * size) / best
  }
}

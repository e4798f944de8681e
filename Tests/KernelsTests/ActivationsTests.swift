import Foundation
import Kernels
import Testing

@Suite struct ActivationsTests {
  /// Every 4,099th float there is: all exponents, both signs, denormals.
  private static let everywhere: [Float] = stride(from: UInt32(0), to: .max - 4_099, by: 4_099)
    .map { Float(bitPattern: $0) }.filter(\.isFinite)

  /// How many floats lie between `found` and the exact value.
  private func ulps(_ found: Float, _ exact: Double) -> Double {
    let nearest = Float(exact)
    guard nearest.isFinite else { return found == nearest ? 0 : .infinity }
    return abs(Double(found) - exact) / Double(max(nearest.ulp, Float.leastNonzeroMagnitude))
  }

  private func worst(_ ours: (Lanes) -> Lanes, _ exact: (Double) -> Double, _ values: [Float]) -> (
    Double, Float
  ) {
    var worst = (0.0, Float(0))
    for start in stride(from: 0, to: values.count - 15, by: 16) {
      let x = Lanes(values[start..<start + 16])
      let y = ours(x)
      for lane in 0..<16 {
        let error = ulps(y[lane], exact(Double(x[lane])))
        if !(error <= worst.0) { worst = (error, x[lane]) }
      }
    }
    return worst
  }

  @Test func exponential() {
    let (error, at) = worst(Kernels.exp, Foundation.exp, Self.everywhere)
    #expect(error < 1, "\(error) ulp at \(at)")
  }

  @Test func logistic() {
    let (error, at) = worst(
      Kernels.sigmoid, { $0 < -87 ? 0 : 1 / (1 + Foundation.exp(-$0)) }, Self.everywhere)
    #expect(error < 2.5, "\(error) ulp at \(at)")
  }

  @Test func hyperbolicTangent() {
    let (error, at) = worst(Kernels.tanh, Foundation.tanh, Self.everywhere)
    #expect(error < 2.5, "\(error) ulp at \(at)")
  }

  @Test func logarithm() {
    let (error, at) = worst(Kernels.log, Foundation.log, Self.everywhere.filter { $0 > 0 })
    #expect(error < 1, "\(error) ulp at \(at)")
    #expect(Kernels.log(0 as Float) == -.infinity && Kernels.log(-0.0 as Float) == -.infinity)
    #expect(Kernels.log(Float.infinity) == .infinity && Kernels.log(1 as Float) == 0)
    #expect(
      Kernels.log(-1 as Float).isNaN && Kernels.log(Float.nan).isNaN && Kernels.log(-Float.infinity).isNaN)
  }

  @Test func theEdges() {
    #expect(
      Kernels.exp(Float.infinity) == .infinity && Kernels.exp(-Float.infinity) == 0
        && Kernels.exp(Float.nan).isNaN)
    #expect(
      Kernels.exp(88.8 as Float) == .infinity && Kernels.exp(88.7 as Float).isFinite
        && Kernels.exp(0 as Float) == 1)
    #expect(Kernels.exp(-103.9 as Float) == .leastNonzeroMagnitude || Kernels.exp(-103.9 as Float) == 0)
    #expect(
      Kernels.sigmoid(Float.infinity) == 1 && Kernels.sigmoid(-Float.infinity) == 0
        && Kernels.sigmoid(Float.nan).isNaN)
    #expect(Kernels.sigmoid(0 as Float) == 0.5)
    #expect(
      Kernels.tanh(Float.infinity) == 1 && Kernels.tanh(-Float.infinity) == -1
        && Kernels.tanh(Float.nan).isNaN)
    #expect(Kernels.tanh(0 as Float) == 0 && Kernels.tanh(-0.0 as Float).sign == .minus)
  }
}

@Suite struct LanesTests {
  /// Whatever the length, each element is read and written once and nothing beyond.
  @Test(arguments: [1, 15, 16, 17, 31, 33])
  func tailsAreReadAndWrittenExactly(count: Int) {
    let buffer = FloatBuffer(count: count + 20)
    let vector = buffer.elements.slice(0..<count)
    buffer.elements.fill(7)
    for index in vector.laneStarts { vector.store(vector.lanes(at: index) + 1, at: index) }
    #expect(vector.array == [Float](repeating: 8, count: count))
    #expect(buffer.elements.slice(count..<count + 20).array == [Float](repeating: 7, count: 20))
  }

  @Test func beyondTheEndIsZero() {
    let buffer = FloatBuffer(count: 20)
    buffer.elements.fill(1)
    #expect(buffer.elements.slice(0..<18).lanes(at: 16).sum() == 2)
  }
}

import Foundation
import Kernels
import TestSupport
import Testing

@Suite struct VectorTests {
  @Test(arguments: [1, 7, 15, 16, 17, 100, 259])
  func dotAndNormMeetPlainLoops(count: Int) {
    var numbers = TestNumbers(UInt64(count))
    let buffer = FloatBuffer(count: 2 * count)
    numbers.fill(buffer.elements)
    let (a, b) = (buffer.elements.slice(0..<count), buffer.elements.slice(count..<2 * count))
    let dotReference = zip(a.array, b.array).reduce(0.0) { $0 + Double($1.0) * Double($1.1) }
    #expect(abs(Double(dot(a, b)) - dotReference) < 1e-5 * Double(count))
    #expect(dot(a, b.array) == dot(a, b))
    let normReference = a.array.reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot()
    #expect(abs(norm(a) - normReference) < 1e-12 * normReference)
  }

  @Test func buffersAreAlignedAndZero() {
    for count in [1, 5, 1000] {
      let buffer = FloatBuffer(count: count)
      #expect(Int(bitPattern: buffer.elements.base) % FloatBuffer.alignment == 0)
      #expect(buffer.elements.array.allSatisfy { $0 == 0 })
    }
  }

  @Test func oneBitChangesTheHash() {
    let buffer = FloatBuffer(count: 1000)
    let before = bitHash(buffer.elements)
    buffer.elements[777] = -0.0
    #expect(bitHash(buffer.elements) != before)
  }
}

@Suite struct SoftmaxLossTests {
  private static let targets: [UInt16] = [0, 4, 2]

  private func loss(_ logits: Matrix, _ targets: [UInt16] = targets) -> Double {
    var losses = [Double](repeating: 0, count: targets.count)
    softmaxLoss(logits: logits, targets: targets, losses: &losses)
    return losses.reduce(0, +)
  }

  private func lossAndGradient(_ logits: Matrix, _ targets: [UInt16] = targets) -> Double {
    var losses = [Double](repeating: 0, count: targets.count)
    softmaxLossAndGradient(inPlace: logits, targets: targets, scale: 1, losses: &losses)
    return losses.reduce(0, +)
  }

  @Test func lossMeetsItsDefinition() {
    let buffer = FloatBuffer(count: 15)
    let logits = buffer.elements.matrix(rows: 3, columns: 5)
    var numbers = TestNumbers(5)
    numbers.fill(logits.elements, scale: 4)
    var expected = 0.0
    for (row, target) in Self.targets.enumerated() {
      let exponentials = logits.row(row).array.map { exp(Double($0)) }
      expected -= log(exponentials[Int(target)] / exponentials.reduce(0, +))
    }
    #expect(abs(loss(logits) - expected) < 1e-6)
  }

  @Test func gradientMeetsFiniteDifferences() {
    let buffer = FloatBuffer(count: 15)
    let logits = buffer.elements.matrix(rows: 3, columns: 5)
    var numbers = TestNumbers(6)
    numbers.fill(logits.elements, scale: 2)
    let start = logits.elements.array
    let total = lossAndGradient(logits)
    let gradient = logits.elements.array
    logits.elements.copy(from: start)
    #expect(total == loss(logits))
    for index in start.indices {
      let step: Float = 1e-2
      logits.elements[index] = start[index] + step
      let above = loss(logits)
      logits.elements[index] = start[index] - step
      let below = loss(logits)
      logits.elements[index] = start[index]
      #expect(abs((above - below) / Double(2 * step) - Double(gradient[index])) < 1e-4, "logit \(index)")
    }
  }

  @Test func hugeLogitsDoNotOverflow() {
    let buffer = FloatBuffer(count: 3)
    let logits = buffer.elements.matrix(rows: 1, columns: 3)
    logits.elements.copy(from: [1e30, 0, -1e30])
    #expect(loss(logits, [0]) == 0)
    #expect(lossAndGradient(logits, [0]) == 0)
    #expect(logits.elements.array == [0, 0, 0])
  }
}

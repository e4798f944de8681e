import CharModel
import Kernels
import TestSupport
import Testing

/// Every cell's backward pass against finite differences of its forward pass.
@Suite struct GradientTests {
  /// The step in each parameter, in a direction of ±1 in every element of one tensor.
  ///
  /// With losses near 2.4 nats in float32, whose mean over 12 characters carries an error of some 1e-7, the quotient's
  /// rounding error is near 1e-7 / 4e-3 = 3e-5 at most; the truncation error, of the order of the step's square
  /// times a third derivative over up to 200 elements, is as large. The tolerance is ten times that, against
  /// derivatives of 1e-2 to 1.
  private static let step: Float = 4e-3
  private static let tolerance = 5e-4

  @Test(arguments: CellKind.all, [1, 2, 3])
  func everyTensorMeetsFiniteDifferences(cell: CellKind, layers: Int) throws {
    try check(ModelFixture(cell, layers: layers), dropout: nil)
  }

  @Test(arguments: CellKind.all)
  func alsoThroughDropout(cell: CellKind) throws {
    let site = WindowPass.DropoutSite(random: RandomSource(seed: 5), step: 2, firstStream: 1)
    try check(ModelFixture(cell, layers: 3, dropout: 0.4), dropout: site)
  }

  private func check(_ fixture: ModelFixture, dropout: WindowPass.DropoutSite?) throws {
    let gradient = fixture.gradient(dropout)
    var numbers = TestNumbers(29)
    for tensor in fixture.parameters.layout.tensors {
      let values = fixture.parameters.elements(of: tensor)
      let original = values.array
      for _ in 0..<3 {
        let signs = original.map { _ in numbers.next() < 0 ? -1 as Float : 1 }
        func loss(_ step: Float) -> Double {
          for index in original.indices { values[index] = original[index] + step * signs[index] }
          defer { values.copy(from: original) }
          return fixture.loss(dropout)
        }
        let measured = (loss(Self.step) - loss(-Self.step)) / Double(2 * Self.step)
        let computed = zip(gradient.elements(of: tensor).array, signs).reduce(0.0) {
          $0 + Double($1.0 * $1.1)
        }
        #expect(
          abs(measured - computed) < Self.tolerance * max(1, abs(computed)),
          "\(tensor.name): measured \(measured), computed \(computed)")
      }
    }
  }

  @Test(arguments: CellKind.all)
  func gapsBetweenTensorsStayZero(cell: CellKind) throws {
    let fixture = try ModelFixture(cell, layers: 2)
    let gradient = ParameterSet(fixture.model)
    _ = fixture.pass.forward(fixture.inputs, state: fixture.startState())
    _ = fixture.pass.backward(fixture.inputs, fixture.targets, dropped: false, scale: 1, into: gradient)
    var isInTensor = [Bool](repeating: false, count: gradient.flat.count)
    for tensor in gradient.layout.tensors { for index in tensor.range { isInTensor[index] = true } }
    let gaps = isInTensor.indices.filter { !isInTensor[$0] }
    #expect(!gaps.isEmpty)
    #expect(gaps.allSatisfy { gradient.flat[$0] == 0 && fixture.parameters.flat[$0] == 0 })
  }
}

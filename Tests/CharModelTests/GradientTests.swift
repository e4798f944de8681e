import CharModel
import Kernels
import TestSupport
import Testing

/// Every cell's backward pass against finite differences of its forward pass.
@Suite struct GradientTests {
  /// The step in each parameter, in a direction of ±1 in every element of one tensor.
  ///
  /// With losses near 2.4 nats in float32, whose mean over 12 characters carries an error of some 1e-7, the quotient's
  /// rounding error is near 1e-7 / 4e-3 = 3e-5; its truncation error is of the order of the square of the whole
  /// displacement, 4e-3 times the root of up to 200 elements, so up to 0.3 percent of the largest derivative.
  private static let step: Float = 4e-3
  private static let absoluteTolerance = 1e-4
  private static let relativeTolerance = 0.006

  @Test(arguments: CellKind.all, [1, 2, 3])
  func everyTensorMeetsFiniteDifferences(cell: CellKind, layers: Int) throws {
    try check(ModelFixture(cell, layers: layers), dropout: nil)
  }

  @Test(arguments: CellKind.all)
  func alsoWithOpenBLAS(cell: CellKind) throws {
    try check(ModelFixture(cell, layers: 2, .openblas), dropout: nil)
  }

  @Test(arguments: CellKind.all)
  func alsoInBlocks(cell: CellKind) throws {
    try check(ModelFixture(cell, layers: 2), dropout: nil, blocks: [0..<1, 1..<3])
  }

  @Test(arguments: CellKind.all, ModelFixture.dropouts)
  func alsoThroughDropout(cell: CellKind, dropout: Dropout) throws {
    let site = DropoutSite(random: RandomSource(seed: 5), step: 2, firstStream: 1)
    try check(ModelFixture(cell, layers: 2, dropout: dropout), dropout: site, blocks: [0..<1, 1..<3])
  }

  private func check(
    _ fixture: ModelFixture, dropout: DropoutSite?,
    blocks: [Range<Int>] = [0..<ModelFixture.streams]
  )
    throws
  {
    let gradient = fixture.gradient(dropout, blocks: blocks)
    var numbers = TestNumbers(29)
    for tensor in fixture.parameters.layout.tensors {
      let values = fixture.parameters.elements(of: tensor)
      let original = values.array
      let computedGradient = gradient.elements(of: tensor).array
      // Along the gradient's own signs the derivative is largest: it must stand out from the tolerance, or nothing
      // would be shown. The random directions notice what is missing from the gradient.
      let along = computedGradient.map { $0 < 0 ? -1 as Float : 1 }
      let random = (0..<2).map { _ in original.map { _ in numbers.next() < 0 ? -1 as Float : 1 } }
      let largest = computedGradient.reduce(0.0) { $0 + Double(abs($1)) }
      #expect(largest > 20 * Self.absoluteTolerance, "\(tensor.name): too small to tell")
      for signs in [along] + random {
        func loss(_ step: Float) -> Double {
          for index in original.indices { values[index] = original[index] + step * signs[index] }
          defer { values.copy(from: original) }
          return fixture.loss(dropout)
        }
        let measured = (loss(Self.step) - loss(-Self.step)) / Double(2 * Self.step)
        let computed = zip(computedGradient, signs).reduce(0.0) { $0 + Double($1.0 * $1.1) }
        #expect(
          abs(measured - computed) < Self.absoluteTolerance + Self.relativeTolerance * largest,
          "\(tensor.name): measured \(measured), computed \(computed)")
      }
    }
  }

  @Test(arguments: CellKind.all)
  func gapsBetweenTensorsStayZero(cell: CellKind) throws {
    let fixture = try ModelFixture(cell, layers: 2)
    let gradient = ParameterSet(fixture.model)
    _ = fixture.pass.forward(fixture.inputs, state: fixture.startState())
    fixture.pass.backward(
      fixture.inputs, fixture.targets, scale: 1,
      into: [GradientPart(allOf: ModelFixture.streams, gradient)])
    var isInTensor = [Bool](repeating: false, count: gradient.flat.count)
    for tensor in gradient.layout.tensors { for index in tensor.range { isInTensor[index] = true } }
    let gaps = isInTensor.indices.filter { !isInTensor[$0] }
    #expect(!gaps.isEmpty)
    #expect(gaps.allSatisfy { gradient.flat[$0] == 0 && fixture.parameters.flat[$0] == 0 })
  }
}

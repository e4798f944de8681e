import Kernels
import Testing

@Suite struct AdamUpdateTests {
  /// By hand for one parameter: after the first step the corrected moments are g and g^2, so that the parameter
  /// moves by the learning rate against the gradient's sign, whatever the gradient's size.
  @Test(arguments: [0.001, 1, 1000] as [Float])
  func theFirstStepMovesByTheLearningRate(gradient: Float) {
    let buffer = FloatBuffer(count: 4)
    let part = { buffer.elements.slice($0..<$0 + 1) }
    part(0)[0] = 1
    part(1)[0] = gradient
    adamUpdate(
      parameters: part(0), gradient: part(1), firstMoment: part(2), secondMoment: part(3),
      AdamCoefficients(learningRate: 0.1, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, stepCount: 1))
    #expect(abs(part(0)[0] - 0.9) < 1e-5)
  }

  @Test func decoupledDecayShrinksWithoutAGradient() {
    let buffer = FloatBuffer(count: 4)
    let part = { buffer.elements.slice($0..<$0 + 1) }
    part(0)[0] = 2
    adamUpdate(
      parameters: part(0), gradient: part(1), firstMoment: part(2), secondMoment: part(3),
      AdamCoefficients(
        learningRate: 0.1, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, stepCount: 1, decoupledWeightDecay: 0.5))
    #expect(abs(part(0)[0] - 1.9) < 1e-6)
  }
}

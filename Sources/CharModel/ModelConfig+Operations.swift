extension ModelConfig {
  /// The floating-point operations of the matrix products of one training step, two for each multiply-add, over all streams.
  ///
  /// What is looked up or gathered (the first layer's input) counts nothing, nor does anything that goes element by element.
  ///
  /// - Parameters:
  ///   - streams: B.
  ///   - length: T.
  public func stepOperations(streams: Int, length: Int) -> Double {
    let rows = Double(streams * length)
    let (h, gates) = (Double(hidden), Double(gateRows))
    // Forward, backward to the input and to the weights; nothing flows out of the window's first time step.
    let recurrent = h * gates * (3 * rows - Double(streams))
    let input = h * gates * 3 * rows
    let output = Double(vocabulary) * h * 3 * rows
    return 2 * (Double(layers) * recurrent + Double(layers - 1) * input + output)
  }
}

/// How the next character is chosen from the model's probabilities.
public struct SamplingOptions: Equatable, Sendable {
  /// Divides the logits; 0 always takes the likeliest.
  public var temperature = 1.0
  /// Choose among the `topK` likeliest only, or nil.
  public var topK: Int?
  /// Choose among the fewest that have `topP` of the probability together, or nil.
  public var topP: Double?
  /// Feed the last characters, as many as the prime has, again at each step on top of the carried state, as the
  /// notebook did, instead of one new character at a time.
  public var refeedsWindow = false

  public init() {}

  /// - Throws: ``OptionError`` that names the first value out of range.
  public func checkValues() throws {
    guard temperature >= 0, temperature.isFinite else {
      throw OptionError(
        option: "temperature", expected: "a finite number, at least 0", found: "\(temperature)")
    }
    if let topK, topK < 1 {
      throw OptionError(option: "top-k", expected: "at least 1", found: "\(topK)")
    }
    if let topP, !(topP > 0 && topP <= 1) {
      throw OptionError(option: "top-p", expected: "above 0 and at most 1", found: "\(topP)")
    }
  }
}

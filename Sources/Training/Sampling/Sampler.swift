import CharModel
import Glibc
import Kernels
import Text

/// Writes text with a model: one stream, from a zero state, one character at a time.
public struct Sampler {
  private let parameters: ParameterSet
  private let options: SamplingOptions
  private let random: RandomSource
  /// Which of several samples this is; each draws other random numbers.
  private let number: Int

  private var state: StreamState
  private var logits: [Float] = []
  private var drawn = 0
  /// What ``SamplingOptions/refeedsWindow`` feeds again.
  private var window: [UInt16]

  /// - Parameter prime: the text to go on from, at least one token.
  public init(
    _ parameters: ParameterSet, prime: [UInt16], options: SamplingOptions, seed: UInt64, number: Int = 0
  ) {
    precondition(!prime.isEmpty)
    self.parameters = parameters
    self.options = options
    self.number = number
    random = RandomSource(seed: seed)
    state = parameters.initialStreamState()
    window = prime
    for token in prime { logits = parameters.step(token, &state) }
  }

  /// The next token. Never `<unk>` or `<pad>`, which are no text.
  public mutating func next() -> UInt16 {
    let token = choose()
    if options.refeedsWindow {
      window.removeFirst()
      window.append(token)
      for token in window { logits = parameters.step(token, &state) }
    } else {
      logits = parameters.step(token, &state)
    }
    return token
  }

  /// Hands the text of the next `count` tokens to `output`, token by token.
  public mutating func write(
    _ count: Int, _ writer: TokenWriter, while isWanted: () -> Bool = { true }, to output: ([UInt8]) -> Void
  ) {
    var writer = writer
    for _ in 0..<count where isWanted() { output(writer.write(next())) }
    output(writer.flush())
  }

  private mutating func choose() -> UInt16 {
    var candidates = (0..<logits.count).filter { $0 != Vocabulary.unknown && $0 != Vocabulary.padding }
    if candidates.isEmpty { return Vocabulary.unknown }
    candidates.sort { (logits[$1], $0) < (logits[$0], $1) }
    if options.temperature == 0 { return UInt16(candidates[0]) }
    if let topK = options.topK { candidates = Array(candidates.prefix(topK)) }
    let best = Double(logits[candidates[0]])
    var weights = candidates.map { exp((Double(logits[$0]) - best) / options.temperature) }
    if let topP = options.topP { weights = Self.nucleus(weights, topP) }
    let site = RandomSource.Site(step: drawn, stream: number)
    drawn += 1
    var left = random.uniform(.sampling, site) * weights.reduce(0, +)
    for (index, weight) in weights.enumerated() {
      left -= weight
      if left < 0 { return UInt16(candidates[index]) }
    }
    return UInt16(candidates[weights.count - 1])
  }

  /// The shortest start of the falling `weights` that has `topP` of their sum. Source: Holtzman et al.,
  /// arXiv:1904.09751.
  private static func nucleus(_ weights: [Double], _ topP: Double) -> [Double] {
    let wanted = topP * weights.reduce(0, +)
    var sum = 0.0
    for (index, weight) in weights.enumerated() {
      sum += weight
      if sum >= wanted { return Array(weights[...index]) }
    }
    return weights
  }
}

extension Vocabulary {
  /// What a sample starts from where the user gives nothing: a new line, or else the commonest character.
  public var defaultPrime: UInt16 {
    let newline = id(of: TextUnit(0x0A))
    return newline != Self.unknown ? newline : UInt16(Self.specials.count)
  }
}

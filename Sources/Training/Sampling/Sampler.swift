import CharModel
import Glibc
import Kernels
import Text

/// Writes texts with a model, one stream for each, side by side from a zero state, one character at a time. What a stream writes does not depend
/// on those beside it.
public final class Sampler {
  private let options: SamplingOptions
  private let random: RandomSource
  /// Which samples these are; each draws other random numbers.
  private let numbers: Range<Int>

  private let pass: WindowPass
  private let state: HiddenState
  /// `[B, V]`, for the character that comes next.
  private var logits: Matrix
  private var drawn = 0
  /// What ``SamplingOptions/refeedsWindow`` feeds again, nothing without it: `[B]` for each time.
  private var window: [[UInt16]]

  /// A character that was chosen.
  public struct Choice: Equatable, Sendable {
    /// Never `<unk>` or `<pad>`, which are no text, unless the model knows nothing else.
    public let token: UInt16
    /// That the model gave it, whatever the options made of that.
    public let probability: Double
  }

  /// The samples that are best written at a time: with more the model does not become faster.
  public static let mostAtOnce = 64

  private static let windowLength = 32

  /// - Parameters:
  ///   - parameters: the model; it must not change.
  ///   - prime: the text to go on from, at least one token.
  ///   - options: how a character is chosen.
  ///   - seed: of the random numbers.
  ///   - numbers: of the samples to write, at least one.
  ///   - compute: what multiplies, on which threads.
  /// - Throws: ``MemoryError``.
  public init(
    _ parameters: ParameterSet, prime: [UInt16], options: SamplingOptions, seed: UInt64,
    numbers: Range<Int> = 0..<1, _ compute: Compute
  ) throws {
    precondition(!prime.isEmpty && !numbers.isEmpty)
    self.options = options
    self.numbers = numbers
    random = RandomSource(seed: seed)
    let capacity = min(prime.count, Self.windowLength)
    // The packed weights.
    try parameters.config.requireMemory(copies: 1, streams: numbers.count, length: capacity)
    pass = WindowPass(
      parameters, streams: numbers.count, capacity: capacity, weightsAreFixed: true, compute)
    state = HiddenState(parameters.config, streams: numbers.count)
    let tokens = prime.map { [UInt16](repeating: $0, count: numbers.count) }
    window = options.refeedsWindow ? tokens : []
    logits = Self.read(tokens, pass, state)
  }

  /// The next character of each sample.
  public func next() -> [Choice] {
    let choices = numbers.indices.map(choose)
    drawn += 1
    let tokens = choices.map(\.token)
    if options.refeedsWindow {
      window.removeFirst()
      window.append(tokens)
      logits = Self.read(window, pass, state)
    } else {
      logits = Self.read([tokens], pass, state)
    }
    return choices
  }

  /// Reads `[B]` tokens for each time and returns the logits `[B, V]` of the tokens that follow.
  private static func read(_ tokens: [[UInt16]], _ pass: WindowPass, _ state: borrowing HiddenState) -> Matrix
  {
    var last: Matrix?
    for start in stride(from: 0, to: tokens.count, by: pass.capacity) {
      let part = tokens[start..<min(tokens.count, start + pass.capacity)]
      let logits = withoutSubnormals { pass.forward(Array(part.joined()), state: state) }
      last = logits.rows((part.count - 1) * pass.streams..<part.count * pass.streams)
    }
    return last!
  }

  private func choose(_ number: Int) -> Choice {
    let logits = logits.row(number - numbers.lowerBound)
    var candidates = (0..<logits.count).filter { $0 != Vocabulary.unknown && $0 != Vocabulary.padding }
    if candidates.isEmpty { return Choice(token: Vocabulary.unknown, probability: 1) }
    candidates.sort { (logits[$1], $0) < (logits[$0], $1) }
    let best = Double(logits[candidates[0]])
    let sum = (0..<logits.count).reduce(0) { $0 + exp(Double(logits[$1]) - best) }
    func choice(_ index: Int) -> Choice {
      let token = candidates[index]
      return Choice(token: UInt16(token), probability: exp(Double(logits[token]) - best) / sum)
    }
    if options.temperature == 0 { return choice(0) }
    if let topK = options.topK { candidates = Array(candidates.prefix(topK)) }
    var weights = candidates.map { exp((Double(logits[$0]) - best) / options.temperature) }
    if let topP = options.topP { weights = Self.nucleus(weights, topP) }
    let site = RandomSource.Site(step: drawn, stream: number)
    var left = random.uniform(.sampling, site) * weights.reduce(0, +)
    for (index, weight) in weights.enumerated() {
      left -= weight
      if left < 0 { return choice(index) }
    }
    return choice(weights.count - 1)
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

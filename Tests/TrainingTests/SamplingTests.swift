import CharModel
import Foundation
import Kernels
import TestSupport
import Testing
import Text
import Training

@Suite struct SamplerTests {
  private let parameters: ParameterSet

  init() throws {
    parameters = ParameterSet(
      try ModelConfig(
        cell: CellKind(named: "gru")!, vocabulary: 9, embedding: 4, hidden: 6, layers: 2))
    parameters.initialise(RandomSource(seed: 2))
    // Sharper than a fresh model, so that probabilities differ.
    let weight = parameters.outputWeight.elements
    for index in 0..<weight.count { weight[index] *= 6 }
  }

  private func sampler(
    seed: UInt64 = 0, numbers: Range<Int> = 0..<1, _ change: (inout SamplingOptions) -> Void = { _ in }
  ) throws -> Sampler {
    var options = SamplingOptions()
    change(&options)
    return try Sampler(
      parameters, prime: [3, 4, 5], options: options, seed: seed, numbers: numbers, Compute(.simd))
  }

  private func sample(
    _ count: Int = 200, seed: UInt64 = 0, number: Int = 0,
    _ change: (inout SamplingOptions) -> Void = { _ in }
  ) throws -> [UInt16] {
    let sampler = try sampler(seed: seed, numbers: number..<number + 1, change)
    return (0..<count).map { _ in sampler.next()[0].token }
  }

  /// Whether several are written side by side, and after a prime of how many pieces, makes no difference.
  @Test(arguments: [false, true])
  func aSampleDoesNotDependOnThoseBesideIt(refeedsWindow: Bool) throws {
    let change: (inout SamplingOptions) -> Void = { $0.refeedsWindow = refeedsWindow }
    let together = try sampler(numbers: 2..<9, change)
    let choices = (0..<60).map { _ in together.next() }
    for number in 2..<9 {
      #expect(try choices.map { $0[number - 2].token } == sample(60, number: number, change))
    }
    let long = [UInt16](repeating: 6, count: 70)
    func after(_ prime: [UInt16], reading more: [UInt16]) throws -> [Double] {
      var options = SamplingOptions()
      options.temperature = 0
      let sampler = try Sampler(parameters, prime: prime + more, options: options, seed: 0, Compute(.simd))
      return (0..<5).map { _ in sampler.next()[0].probability }
    }
    #expect(
      try after(long, reading: [3]) == after(Array(long.prefix(40)), reading: Array(long.suffix(30)) + [3]))
  }

  /// The model's own, whatever the options make of it.
  @Test func probabilitiesAreTheModels() throws {
    for temperature in [0, 0.5, 1] {
      var state = parameters.initialStreamState()
      var logits: [Float] = []
      for token: UInt16 in [3, 4, 5] { logits = parameters.step(token, &state) }
      let sampler = try sampler {
        $0.temperature = temperature
        $0.topK = 3
      }
      for _ in 0..<30 {
        let choice = sampler.next()[0]
        let weights = logits.map { exp(Double($0)) }
        #expect(abs(choice.probability - weights[Int(choice.token)] / weights.reduce(0, +)) < 1e-6)
        logits = parameters.step(choice.token, &state)
      }
    }
  }

  @Test func theSeedDecides() throws {
    #expect(try sample(seed: 5) == sample(seed: 5))
    #expect(try sample(seed: 5) != sample(seed: 6))
    #expect(try sample(number: 0) != sample(number: 1))
  }

  @Test func greedyThreeWays() throws {
    let greedy = try sample { $0.temperature = 0 }
    #expect(try sample { $0.topK = 1 } == greedy)
    #expect(try sample { $0.topP = 1e-9 } == greedy)
    #expect(try sample { $0.temperature = 1e-6 } == greedy)
    #expect(try sample() != greedy)
  }

  /// The likeliest continuation, computed without the sampler.
  @Test func greedyFollowsTheModel() throws {
    var state = parameters.initialStreamState()
    var logits: [Float] = []
    for token: UInt16 in [3, 4, 5] { logits = parameters.step(token, &state) }
    for token in try sample(30, { $0.temperature = 0 }) {
      let best = (2..<9).max { logits[$0] < logits[$1] }!
      #expect(Int(token) == best)
      logits = parameters.step(token, &state)
    }
  }

  @Test func noiseFollowsTheSoftmax() throws {
    var state = parameters.initialStreamState()
    var logits: [Float] = []
    for token: UInt16 in [3, 4, 5] { logits = parameters.step(token, &state) }
    let weights = (2..<9).map { exp(Double(logits[$0])) }
    let count = 4000
    var counts = [Int](repeating: 0, count: 9)
    for number in 0..<count { counts[Int(try sample(1, number: number)[0])] += 1 }
    for (index, weight) in weights.enumerated() {
      let p = weight / weights.reduce(0, +)
      let deviation = (p * (1 - p) / Double(count)).squareRoot()
      #expect(abs(Double(counts[index + 2]) / Double(count) - p) < 5 * deviation + 1e-9, "token \(index + 2)")
    }
  }

  @Test func whatIsNoTextNeverComes() throws {
    parameters.outputBias[0] = 50
    parameters.outputBias[1] = 50
    #expect(try sample().allSatisfy { $0 >= 2 })
    parameters.outputBias[0] = 0
    parameters.outputBias[1] = 0
  }

  /// The notebook's way: the whole window again on top of the carried state.
  @Test func refeedingFeedsTheWindowAgain() throws {
    let options: (inout SamplingOptions) -> Void = {
      $0.temperature = 0
      $0.refeedsWindow = true
    }
    var state = parameters.initialStreamState()
    var window: [UInt16] = [3, 4, 5]
    for token in try sample(20, options) {
      var logits: [Float] = []
      for fed in window { logits = parameters.step(fed, &state) }
      let best = (2..<9).max { logits[$0] < logits[$1] }!
      #expect(Int(token) == best)
      window = Array(window.dropFirst()) + [token]
    }
  }

  @Test(
    arguments: [(-1.0, nil, nil), (.nan, nil, nil), (1, 0, nil), (1, nil, 0), (1, nil, 1.5)]
      as [(Double, Int?, Double?)])
  func optionsThatCannotBeAreRefused(temperature: Double, topK: Int?, topP: Double?) {
    var options = SamplingOptions()
    (options.temperature, options.topK, options.topP) = (temperature, topK, topP)
    #expect(throws: OptionError.self) { try options.checkValues() }
  }
}

@Suite struct TokenWriterTests {
  private func written(_ text: [UInt8], unit: TextFormat.Unit, raw: Bool = false) throws -> String {
    let values =
      unit == .byte
      ? text.map { UInt32($0) } : String(decoding: text, as: UTF8.self).unicodeScalars.map(\.value)
    let counts = Dictionary(values.map { (TextUnit($0), 1) }) { $0 + $1 }
    let vocabulary = Vocabulary(counts: counts, minimumFrequency: 1)
    var writer = TokenWriter(vocabulary, unit: unit, raw: raw)
    var bytes = values.flatMap { writer.write(vocabulary.id(of: TextUnit($0))) }
    bytes += writer.flush()
    return String(decoding: bytes, as: UTF8.self)
  }

  @Test(arguments: TextFormat.Unit.allCases)
  func textPasses(unit: TextFormat.Unit) throws {
    #expect(try written(Array("aé€😀\n\tb".utf8), unit: unit) == "aé€😀\n\tb")
  }

  @Test(arguments: TextFormat.Unit.allCases)
  func whatCommandsTerminalsIsShown(unit: TextFormat.Unit) throws {
    let text = "\u{1B}[31m\u{7F}\u{0}\r\u{9B}\u{202E}"
    #expect(try written(Array(text.utf8), unit: unit) == "␛[31m␡␀␍<U+9B><U+202E>")
    #expect(TokenWriter.visible(text) == "␛[31m␡␀␍<U+9B><U+202E>")
    #expect(try written(Array(text.utf8), unit: unit, raw: true) == text)
  }

  @Test func brokenUTF8InBytesIsReplaced() throws {
    #expect(try written([0x61, 0xC3, 0x62, 0xFF, 0xE2, 0x82], unit: .byte) == "a\u{FFFD}b\u{FFFD}\u{FFFD}")
  }

  @Test func unknownIsTheReplacementCharacter() throws {
    let vocabulary = Vocabulary(counts: [TextUnit(0x61): 1, .end: 1], minimumFrequency: 1)
    var writer = TokenWriter(vocabulary, unit: .scalar)
    #expect(writer.write(0) == Array("\u{FFFD}".utf8))
    #expect(writer.write(vocabulary.id(of: .end)) == Array("\n".utf8))
  }
}

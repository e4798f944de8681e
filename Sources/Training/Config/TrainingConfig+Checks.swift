import CharModel

/// An option whose value cannot be.
public struct OptionError: Error, CustomStringConvertible {
  /// As on the command line, without dashes.
  public let option: String
  public let expected: String
  public let found: String

  public init(option: String, expected: String, found: String) {
    self.option = option
    self.expected = expected
    self.found = found
  }

  public var description: String { "--\(option): expected \(expected), found \(found)" }
}

extension TrainingConfig {
  public static let maximumStreams = 1_000_000
  public static let maximumBlocks = 4096

  /// Checks that each rank gets a stream.
  ///
  /// - Throws: ``OptionError``.
  public func check(ranks: Int) throws {
    guard ranks <= bs else {
      throw OptionError(
        option: "bs", expected: "at least one stream for each of the \(ranks) ranks", found: "\(bs)")
    }
    guard reduce != .tree || blocks.isMultiple(of: ranks) else {
      throw OptionError(
        option: "blocks", expected: "with --reduce tree a multiple of the \(ranks) ranks", found: "\(blocks)")
    }
  }

  /// Checks every value that can be checked without the text and the ranks.
  ///
  /// - Throws: ``OptionError`` that names the first value out of range.
  public func checkValues() throws {
    for (option, path) in [
      ("train", train), ("valid", valid), ("run-dir", runDir), ("log-dir", logDir),
      ("init", initialModel),
    ]
    where path == "" {
      throw OptionError(option: option, expected: "a path", found: "nothing")
    }
    if valid != nil, validate == .none {
      throw OptionError(option: "valid", expected: "no validation text with --validate none", found: "one")
    }
    if histograms, !tensorboard {
      throw OptionError(option: "histograms", expected: "--tensorboard beside it", found: "--no-tensorboard")
    }
    try require("bs", bs, in: 1...Self.maximumStreams)
    try require("bptt", bptt, in: 1...WindowLengths.maximumNominal)
    try require("min-freq", minFreq, in: 1...Int.max)
    try require("layers", layers, in: 1...ModelConfig.maximumLayers)
    try require("hidden", hidden, in: 1...ModelConfig.maximumWidth)
    try require("embedding", embedding, in: 1...ModelConfig.maximumWidth)
    for (option, rate) in [("dropout", dropout), ("dropout-output", dropoutOutput)] {
      try require(option, "at least 0 and below 1", rate, rate >= 0 && rate < 1)
    }
    try require(
      "valid-fraction", "above 0 and below 1", validFraction, validFraction > 0 && validFraction < 1)
    for phase in phases {
      try require("epochs", phase.epochs, in: 1...Phase.maximumEpochs)
      guard let lr = phase.lr else { continue }
      try require("lr", "a finite number above 0", lr, lr > 0 && lr.isFinite)
    }
    guard !phases.isEmpty, phases[0].lr != nil else {
      throw OptionError(
        option: "phase", expected: "a first phase with a rate of its own",
        found: phases.isEmpty ? "none" : "one that carries on with a rate")
    }
    try require(
      "weight-decay", "a finite number, at least 0", weightDecay, weightDecay >= 0 && weightDecay.isFinite)
    guard weightDecay > 0 || !decoupledWeightDecay else {
      throw OptionError(
        option: "decoupled-weight-decay", expected: "a --weight-decay above 0 beside it", found: "none")
    }
    if let averageDecay {
      try require("average-decay", "above 0 and below 1", averageDecay, averageDecay > 0 && averageDecay < 1)
    }
    if let clipNorm {
      try require("clip-norm", "a finite number above 0", clipNorm, clipNorm > 0 && clipNorm.isFinite)
    }
    try require("max-skipped", maxSkipped, in: 1...Int.max)
    try require("max-rewinds", maxRewinds, in: 0...Int.max)
    try require("max-steps", maxSteps ?? 1, in: 1...Int.max)
    guard checkpointEvery.isPossible else {
      throw OptionError(
        option: "checkpoint-every", expected: "at least 1 step, or minutes above 0 and at most 1e6",
        found: checkpointEvery.text)
    }
    try require("check-every", checkEvery, in: 1...Int.max)
    // A duration can be that long.
    for (option, seconds) in [("stall-warning", stallWarning), ("stall-timeout", stallTimeout)] {
      try require(option, "above 0 and at most 1e9 seconds", seconds, seconds > 0 && seconds <= 1e9)
    }
    try require(
      "stall-timeout", "at least --stall-warning (\(stallWarning))", stallTimeout,
      stallTimeout >= stallWarning)
    try require("keep", keep, in: 1...Int.max)
    try require("sample-length", sampleLength, in: 0...1_000_000)
    try require("blocks", blocks, in: 1...Self.maximumBlocks)
    guard reduce != .tree || gemm.backend == .simd else {
      throw OptionError(option: "gemm", expected: "simd with --reduce tree", found: "\(gemm)")
    }
    try require("threads", threads, in: 1...1024)
  }

  private func require(_ option: String, _ value: Int, in range: ClosedRange<Int>) throws {
    guard range.contains(value) else {
      let expected =
        range.upperBound == .max
        ? "at least \(range.lowerBound)" : "\(range.lowerBound) to \(range.upperBound)"
      throw OptionError(option: option, expected: expected, found: "\(value)")
    }
  }

  private func require(_ option: String, _ expected: String, _ value: some BinaryFloatingPoint, _ holds: Bool)
    throws
  {
    guard holds else { throw OptionError(option: option, expected: expected, found: "\(value)") }
  }
}

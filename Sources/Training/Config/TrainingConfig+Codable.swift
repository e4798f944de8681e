// One line for each option: its key and its place.

extension TrainingConfig {
  private static var options: [Option] {
    [
      .init("train", \.train),
      .init("valid", \.valid),
      .init("validFraction", \.validFraction),
      .init("unit", \.unit),
      .init("lowercase", \.lowercase),
      .init("newlines", \.newlines),
      .init("endToken", \.endToken),
      .init("minFreq", \.minFreq),

      .init("cell", \.cell),
      .init("layers", \.layers),
      .init("hidden", \.hidden),
      .init("embedding", \.embedding),
      .init("dropout", \.dropout),
      .init("dropoutOutput", \.dropoutOutput),
      .init("init", \.initialModel),

      .init("bs", \.bs),
      .init("bptt", \.bptt),
      .init("bpttJitter", \.bpttJitter),
      .init("phase", \.phases),
      .init("weightDecay", \.weightDecay),
      .init("decoupledWeightDecay", \.decoupledWeightDecay),
      .init("averageDecay", \.averageDecay),
      .init("clipNorm", \.clipNorm),
      .init("carryStateAcrossEpochs", \.carryStateAcrossEpochs),
      .init("seed", \.seed),
      .init("maxSteps", \.maxSteps),
      .init("maxSkipped", \.maxSkipped),
      .init("maxRewinds", \.maxRewinds),

      .init("runDir", \.runDir),
      .init("validate", \.validate),
      .init("sampleLength", \.sampleLength),
      .init("checkpointEvery", \.checkpointEvery),
      .init("keep", \.keep),
      .init("checkEvery", \.checkEvery),
      .init("stallWarning", \.stallWarning),
      .init("stallTimeout", \.stallTimeout),
      .init("reduce", \.reduce),
      .init("blocks", \.blocks),
      .init("gemm", \.gemm),
      .init("threads", \.threads),
      .init("logDir", \.logDir),
      .init("tensorboard", \.tensorboard),
      .init("histograms", \.histograms),
      .init("quiet", \.quiet),
      .init("verbose", \.verbose),
    ]
  }

  /// Of what a run's `config.json` has besides options.
  static let placementKey = "placement"

  /// The keys of the options whose values are not those of `other`.
  func differences(from other: TrainingConfig) -> [String] {
    Self.options.filter { !$0.isEqual(self, other) }.map(\.name)
  }

  private struct Option {
    let name: String
    let isEqual: (TrainingConfig, TrainingConfig) -> Bool
    let encode: (TrainingConfig, inout KeyedEncodingContainer<AnyKey>) throws -> Void
    let decode: (inout TrainingConfig, KeyedDecodingContainer<AnyKey>) throws -> Void

    init<Value: Codable & Equatable>(_ name: String, _ place: WritableKeyPath<TrainingConfig, Value>) {
      let key = AnyKey(stringValue: name)
      self.name = name
      isEqual = { $0[keyPath: place] == $1[keyPath: place] }
      encode = { config, container in try container.encode(config[keyPath: place], forKey: key) }
      decode = { config, container in
        guard container.contains(key) else { return }
        config[keyPath: place] = try container.decode(Value.self, forKey: key)
      }
    }
  }
}

extension TrainingConfig: Codable {
  /// Options that are not given keep their defaults; those that do not exist are refused.
  public init(from decoder: any Decoder) throws {
    self.init()
    let container = try decoder.container(keyedBy: AnyKey.self)
    func refuse(_ problem: String) -> DecodingError {
      .dataCorrupted(.init(codingPath: [], debugDescription: problem))
    }
    try decoder.refuseStrangers(known: Self.options.map(\.name) + ShortPhase.keys + [Self.placementKey])
    for option in Self.options { try option.decode(&self, container) }
    let short = try ShortPhase(from: decoder)
    guard !short.isEmpty else { return }
    let phase: Phase
    do { phase = try short.filled(from: phases.count == 1 ? phases[0] : Phase.standard[0]) } catch {
      throw refuse("\(error)")
    }
    guard !container.contains(AnyKey(stringValue: "phase")) || phases == [phase] else {
      throw refuse("'phase' says another thing than 'epochs', 'lr' or 'schedule': expected one way to say it")
    }
    phases = [phase]
  }

  /// Writes every option, those that are not set as null.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: AnyKey.self)
    for option in Self.options { try option.encode(self, &container) }
    try ShortPhase(phases).encode(to: encoder)
  }
}

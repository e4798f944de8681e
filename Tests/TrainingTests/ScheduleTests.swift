import Foundation
import TestSupport
import Testing
import Training

@Suite struct ScheduleTests {
  private func position(_ step: Int, fraction: Double = 0, nominal: Int = 947) -> Schedule.Position {
    .init(step: step, fraction: fraction, nominalStepsPerEpoch: nominal)
  }

  /// The notebook's scheduler as it runs, counters and all, against the formula for any step.
  @Test(arguments: [(1, 2), (1, 1), (2, 3)])
  func cosineRestartsFollowTheNotebooksCounters(length: Int, mult: Int) {
    let schedule = Schedule.cosine(CosineRestarts(cycleLength: length, cycleMult: mult))
    var nb = 947 * length
    var c = 0
    for index in 0..<20_000 {
      var expected = 1e-2 / 2 * (1 + cos(.pi * Double(c) / Double(nb)))
      if Double(index) < Double(nb) / 20 { expected = 1e-2 / 100 }
      #expect(abs(schedule.rate(base: 1e-2, at: position(index)) - expected) < 1e-15, "step \(index)")
      c += 1
      #expect(schedule.endsCycle(at: position(index)) == (c == nb), "step \(index)")
      if c == nb { (c, nb) = (0, nb * mult) }
    }
  }

  @Test func warmupRisesToTheBase() {
    let schedule = Schedule.warmup(steps: 4)
    #expect((0..<6).map { schedule.rate(base: 8, at: position($0)) } == [2, 4, 6, 8, 8, 8])
  }

  /// PyTorch's OneCycleLR with its defaults: from a 25th up to the base at 30%, down to 1e-4 of the start.
  @Test func oneCycleGoesUpAndDown() {
    func rate(_ fraction: Double) -> Double {
      Schedule.oneCycle.rate(base: 1, at: position(0, fraction: fraction))
    }
    #expect(abs(rate(0) - 0.04) < 1e-12)
    #expect(abs(rate(0.15) - (1 + 0.04) / 2) < 1e-12)
    #expect(abs(rate(0.3) - 1) < 1e-12)
    #expect(abs(rate(1) - 0.04 / 1e4) < 1e-12)
    // Every step of a phase of 1,000: half a cosine up, half a cosine down.
    for step in 0...1000 {
      let part = Double(step) / 1000
      let (from, to, way) = part < 0.3 ? (0.04, 1, part / 0.3) : (1, 4e-6, (part - 0.3) / 0.7)
      #expect(abs(rate(part) - (to + (from - to) / 2 * (1 + cos(.pi * way)))) < 1e-12, "step \(step)")
    }
  }

  @Test func settingsThatDoNotGoTogetherAreRefused() {
    var settings = ScheduleSettings()
    settings.cycleMult = 2
    #expect(throws: OptionError.self) { try settings.resolved() }
    settings.schedule = .cosine
    #expect(throws: Never.self) { try settings.resolved() }
    settings.cycleMult = 0
    #expect(throws: OptionError.self) { try settings.resolved() }
    settings = ScheduleSettings()
    settings.schedule = .warmup
    #expect(throws: OptionError.self) { try settings.resolved() }
  }
}

@Suite struct PresetTests {
  /// All 80 epochs of the LSTM preset's phases, on a model and a text small enough: the rate of every step that the run
  /// wrote down, against the notebook's scheduler with its counters, as it would have run.
  @Test func theLSTMsRatesAreTheNotebooks() throws {
    let directory = TemporaryDirectory()
    var config = try Preset(named: "notebook-lstm").config
    config.train = directory.write("text.txt", String(TrainingFixture.text.prefix(2_000)))
    (config.layers, config.hidden, config.embedding, config.bs) = (1, 2, 2, 4)
    (config.dropout, config.sampleLength, config.validate) = (0, 0, .none)
    let path = directory.path("run")
    try TrainingFixture.run(config, runDirectory: path)

    let text = try String(contentsOfFile: path + "/metrics.jsonl", encoding: .utf8)
    struct Line: Decodable {
      let kind: String
      let epoch: Int
      let learningRate: Double?
    }
    let steps = try text.split(separator: "\n").map {
      try JSONDecoder().decode(Line.self, from: Data($0.utf8))
    }
    .filter { $0.kind == "step" }
    #expect(steps.last?.epoch == 80)

    // Lines stripped and joined, one end mark; columns / bptt - 1 nominal batches.
    let characters = TrainingFixture.text.prefix(2_000).filter { $0 != "\n" }.count + 1
    let nominal = characters / 4 / 8 - 1
    var base = 1e-2
    var cyclesEnded = 0
    var rates: [Double] = []
    for epochs in [1...2, 3...17, 18...80] {
      let count = steps.count { epochs.contains($0.epoch) }
      guard epochs.lowerBound > 2 else {
        rates += [Double](repeating: base, count: count)
        continue
      }
      var (nb, c) = (nominal, 0)
      // The scheduler sets the rate once more after the last batch; the next phase reads that back.
      var last = base
      for index in 0...count {
        if Double(index) < Double(nb) / 20 {
          last = base / 100
          c += 1
        } else {
          last = base / 2 * (cos(.pi * Double(c) / Double(nb)) + 1)
          c += 1
          if c == nb {
            (c, nb) = (0, nb * 2)
            if index < count { cyclesEnded += 1 }
          }
        }
        if index < count { rates.append(last) }
      }
      base = last
    }
    #expect(steps.count == rates.count)
    for (index, (step, rate)) in zip(steps, rates).enumerated() {
      #expect(abs(step.learningRate! - rate) <= 1e-12 * rate, "step \(index + 1)")
    }
    let cycles = try FileManager.default.contentsOfDirectory(atPath: path + "/checkpoints")
      .filter { $0.hasPrefix("cycle-") }
    #expect(cycles.count == cyclesEnded && cyclesEnded > 6)
  }

  @Test(arguments: Preset.all.map(\.name))
  func presetsAreValidAndSurviveAFile(name: String) throws {
    let config = try Preset(named: name).config
    try config.checkValues()
    let data = try JSONEncoder().encode(config)
    #expect(try JSONDecoder().decode(TrainingConfig.self, from: data) == config)
    let path = TemporaryDirectory()
    #expect(try TrainingConfig(file: path.write("c.json", data)) == config)
  }

  /// What the notebook's experiments have in common, and their models and phases.
  @Test func thePresetsAreTheNotebooks() throws {
    let models = [
      "notebook-rnn": ("rnn", 1, 256), "notebook-rnncell": ("rnn", 1, 256), "notebook-gru": ("gru", 1, 256),
      "notebook-lstm": ("lstm", 2, 512), "nietzsche": ("lstm", 2, 512),
    ]
    for preset in Preset.all {
      let config = preset.config
      #expect((config.cell.name, config.layers, config.hidden) == models[preset.name]!, "\(preset.name)")
      #expect((config.bs, config.bptt, config.embedding, config.minFreq) == (64, 8, 42, 3))
      #expect(config.bpttJitter && config.carryStateAcrossEpochs && config.lowercase && config.endToken)
      #expect(config.newlines == .strip && config.clipNorm == nil && config.averageDecay == nil)
      let isDeep = config.layers == 2
      #expect(
        config.seed == 1 && config.weightDecay == (isDeep ? 1e-5 : 0) && config.dropout == (isDeep ? 0.5 : 0))
      #expect(config.dropoutOutput == (preset.name == "nietzsche" ? 0.2 : 0) && !config.decoupledWeightDecay)
    }
    func phases(_ name: String) throws -> [Phase] { try Preset(named: name).config.phases }
    #expect(
      try phases("notebook-rnn") == [Phase(epochs: 4, lr: 1e-3), Phase(epochs: 4, lr: 1e-4, adam: .fresh)])
    #expect(try phases("notebook-rnncell") == [Phase(epochs: 4, lr: 1e-3)])
    #expect(
      try phases("notebook-gru") == [Phase(epochs: 6, lr: 1e-3), Phase(epochs: 3, lr: 1e-4, adam: .fresh)])
    #expect(try phases("nietzsche") == [Phase(epochs: 25, lr: 1e-2, schedule: .oneCycle)])
  }

  @Test func theLSTMsPhases() throws {
    let config = try Preset(named: "notebook-lstm").config
    #expect(config.phases.map(\.epochs) == [2, 15, 63])
    #expect(config.phases.map(\.lr) == [1e-2, 1e-2, nil])
    #expect(config.phases.allSatisfy { $0.adam == .keep })
    #expect(config.weightDecay == 1e-5 && !config.decoupledWeightDecay && config.dropout == 0.5)
  }

  @Test func anUnknownOneNamesTheNearest() {
    #expect { try Preset(named: "notebook-lstn") } throws: {
      "\($0)".contains("did you mean 'notebook-lstm'?")
    }
  }
}

@Suite struct ConfigFileTests {
  private let directory = TemporaryDirectory()

  @Test func yamlNamesWhatItChanges() throws {
    let path = directory.write(
      "c.yaml",
      """
      cell: lstm
      hidden: 96   # wider
      clipNorm: 0.5
      train: null
      phase:
        - {epochs: 3, lr: 1e-2}
        - epochs: 5
          lr: null
          schedule: cosine
          cycleMult: 2
          adam: fresh
        - {epochs: 1, lr: carried}
      """)
    let config = try TrainingConfig(file: path)
    #expect(config.cell.name == "lstm" && config.hidden == 96 && config.clipNorm == 0.5)
    #expect(config.bs == TrainingConfig().bs && config.train == nil)
    let restarts = Schedule.cosine(CosineRestarts(cycleLength: 1, cycleMult: 2))
    #expect(
      config.phases
        == [
          Phase(epochs: 3, lr: 1e-2), Phase(epochs: 5, lr: nil, schedule: restarts, adam: .fresh),
          Phase(epochs: 1, lr: nil),
        ])
    let wrong = directory.write("w.yaml", "phase: [{epochs: 1, lr: fast}]")
    #expect { try TrainingConfig(file: wrong) } throws: {
      "\($0)".contains("expected a rate or 'carried', found 'fast'")
    }
  }

  /// One phase is written in short too, which must not contradict it.
  @Test func onePhaseSurvivesWhateverItIs() throws {
    let restarts = Schedule.cosine(CosineRestarts(cycleLength: 3, cycleMult: 2))
    for phase in [
      Phase(epochs: 4, lr: 1e-3, adam: .fresh), Phase(epochs: 1, lr: 2, schedule: restarts, adam: .fresh),
      Phase(epochs: 1, lr: 2, schedule: .warmup(steps: 9)), Phase(epochs: 1, lr: 2, schedule: .oneCycle),
    ] {
      var config = TrainingConfig()
      config.phases = [phase]
      let data = try JSONEncoder().encode(config)
      #expect(try TrainingConfig(file: directory.write("one.json", data)) == config)
    }
  }

  @Test func shortPhasesAreFilledUp() throws {
    let config = try TrainingConfig(file: directory.write("c.yaml", "epochs: 7"))
    #expect(config.phases == [Phase(epochs: 7, lr: Phase.standard[0].lr)])
    #expect(try TrainingConfig(file: directory.write("d.yaml", "hidden: 8")).phases == Phase.standard)
  }

  @Test(arguments: [
    ("hiden: 3", "did you mean 'hidden'?"), ("hidden: many", "hidden"), ("cell: gnu", "unknown cell"),
    ("epochs: 2\nphase: [{epochs: 1, lr: 1}]", "one way"), ("{", "YAML"), ("- 1", "options by name"),
    ("schedule: cosine\nwarmupSteps: 3", "warmup-steps"),
    ("phase: [{epochs: 1, learningRate: 1}]", "learningRate"),
    ("phase: [{epochs: 1}]", "lr"), ("phase: []", "first phase"),
  ])
  func whatIsWrongIsSaid(text: String, word: String) {
    #expect {
      try TrainingConfig(file: directory.write("bad.yaml", text)).checkValues()
    } throws: { "\($0)".contains(word) }
  }
}

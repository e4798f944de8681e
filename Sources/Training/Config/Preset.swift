import CharModel
import Text

/// The options of a known experiment, by name. An option given beside a preset wins.
public struct Preset: Sendable {
  public let name: String
  /// What it is, in a few words.
  public let summary: String
  public let config: TrainingConfig

  public static let all: [Preset] = [
    Preset(
      name: "notebook-rnn", summary: "RNN 256, 4 epochs at 1e-3 and 4 at 1e-4",
      config: notebook("rnn") {
        $0.phases = [Phase(epochs: 4, lr: 1e-3), Phase(epochs: 4, lr: 1e-4, adam: .fresh)]
      }),
    // The notebook writes this cell's loop over time out by hand; its numbers are those of the RNN.
    Preset(
      name: "notebook-rnncell", summary: "RNN 256, 4 epochs at 1e-3",
      config: notebook("rnn") { $0.phases = [Phase(epochs: 4, lr: 1e-3)] }),
    Preset(
      name: "notebook-gru", summary: "GRU 256, 6 epochs at 1e-3 and 3 at 1e-4",
      config: notebook("gru") {
        $0.phases = [Phase(epochs: 6, lr: 1e-3), Phase(epochs: 3, lr: 1e-4, adam: .fresh)]
      }),
    Preset(
      name: "notebook-lstm", summary: "LSTM 2x512, 2 epochs at 1e-2, then 15 and 63 with cosine restarts",
      config: notebook("lstm") {
        $0.layers = 2
        $0.hidden = 512
        $0.dropout = 0.5
        $0.weightDecay = 1e-5
        let restarts = Schedule.cosine(CosineRestarts(cycleLength: 1, cycleMult: 2))
        $0.phases = [
          Phase(epochs: 2, lr: 1e-2), Phase(epochs: 15, lr: 1e-2, schedule: restarts),
          // The notebook's scheduler reads back the rate that it last wrote.
          Phase(epochs: 63, lr: nil, schedule: restarts),
        ]
      }),
    // Beyond the notebook: see `docs/results.md`.
    Preset(
      name: "nietzsche",
      summary: "LSTM 2x512 with dropout before the output too, 25 epochs in one cycle up to 1e-2",
      config: notebook("lstm") {
        $0.layers = 2
        $0.hidden = 512
        $0.dropout = 0.5
        $0.dropoutOutput = 0.2
        $0.weightDecay = 1e-5
        $0.phases = [Phase(epochs: 25, lr: 1e-2, schedule: .oneCycle)]
      }),
  ]

  /// The preset of that name.
  ///
  /// - Throws: ``UnknownName``.
  public init(named name: String) throws {
    guard let preset = Self.all.first(where: { $0.name == name }) else {
      throw UnknownName(name, known: Self.all.map(\.name))
    }
    self = preset
  }

  private init(name: String, summary: String, config: TrainingConfig) {
    self.name = name
    self.summary = summary
    self.config = config
  }

  /// What all of the notebook's experiments share.
  private static func notebook(_ cell: String, _ change: (inout TrainingConfig) -> Void) -> TrainingConfig {
    var config = TrainingConfig()
    config.lowercase = true
    config.newlines = .strip
    config.endToken = true
    config.minFreq = 3
    config.cell = CellKind(named: cell)!
    config.hidden = 256
    config.embedding = 42
    config.bs = 64
    config.bptt = 8
    config.bpttJitter = true
    config.carryStateAcrossEpochs = true
    // The notebook's own is not known. `docs/results.md` has what other seeds give.
    config.seed = 1
    change(&config)
    return config
  }
}

import CharModel
import Ranks
import Text

/// Every option of a training run, as resolved. Written to `config.json` and into each checkpoint; the keys are the
/// command line's option names in camel case.
public struct TrainingConfig: Equatable, Sendable {
  // MARK: Text

  /// A file or directory; nil for the built-in corpus.
  public var train: String?
  /// A file or directory; nil to take the last `validFraction` of the training text instead.
  public var valid: String?
  public var validFraction = 0.1
  public var unit = TextFormat.Unit.scalar
  public var lowercase = false
  public var newlines = TextFormat.Newlines.keep
  public var endToken = false
  /// A unit seen less often in the training text becomes `<unk>`.
  public var minFreq = 1

  // MARK: Model

  public var cell = CellKind.standard
  public var layers = 1
  /// H.
  public var hidden = 256
  /// E.
  public var embedding = 42
  /// Between layers.
  public var dropout: Float = 0
  /// Between the last layer and the output layer.
  public var dropoutOutput: Float = 0

  /// A safetensors file from which the parameters are taken at first; nil to draw them at random.
  public var initialModel: String?

  // MARK: Training

  /// Streams, over all ranks.
  public var bs = 64
  /// Nominal window length, in characters.
  public var bptt = 32
  /// Random window lengths: see ``WindowLengths``.
  public var bpttJitter = false
  /// What the run goes through. In JSON also said in short, by `epochs`, `lr` and `schedule`, where it is one phase.
  public var phases = Phase.standard
  public var weightDecay = 0.0
  /// AdamW's weight decay instead of coupled L2.
  public var decoupledWeightDecay = false
  /// What remains of the averaged parameters at each step, or nil to validate and keep the trained ones themselves.
  public var averageDecay: Double?
  /// The largest gradient norm, or nil for no clipping.
  public var clipNorm: Double?
  public var carryStateAcrossEpochs = false
  public var seed: UInt64 = 0
  /// Stop after this many steps in all, or nil.
  public var maxSteps: Int?
  /// Go back to the last good checkpoint after this many skipped steps in a row (loss or gradient not finite), with a lower rate.
  public var maxSkipped = 10
  /// Stop where that has been done so often.
  public var maxRewinds = 3

  // MARK: Run

  /// The directory for the run's files, nil for `runs/<date-time>`.
  public var runDir: String?
  /// Who validates after each epoch.
  public var validate = ValidationMode.rank0
  /// Characters of the sample shown after each epoch; 0 for none.
  public var sampleLength = 300
  /// How often to write a `step-K` checkpoint, and `last`.
  public var checkpointEvery = CheckpointInterval.minutes(10)
  /// How many `step-K` checkpoints to keep.
  public var keep = 3
  /// Compare the parameters of all ranks every so many steps.
  public var checkEvery = 100
  /// Name a rank that lets the others wait so many seconds without a sign of life, and end the run after so many.
  public var stallWarning = 60.0
  public var stallTimeout = 300.0
  /// How the ranks' gradients are added up.
  public var reduce = ReduceMode.auto
  /// The groups of streams that are added up along a tree; ranks hold whole ones.
  public var blocks = 8
  /// What computes the products of matrices.
  public var gemm = Gemm.auto
  /// Threads that share each rank's work.
  public var threads = 1
  /// The directory for a log of each rank, or nil.
  public var logDir: String?
  /// Write an event file for TensorBoard; and into it after each epoch histograms of all weights and gradients.
  public var tensorboard = true
  public var histograms = false
  public var quiet = false
  public var verbose = false

  public init() {}

  /// Of all phases together.
  public var epochs: Int { phases.reduce(0) { $0 + $1.epochs } }

  public var stallLimits: StallLimits {
    StallLimits(warning: .seconds(stallWarning), timeout: .seconds(stallTimeout))
  }

  public var textFormat: TextFormat {
    TextFormat(unit: unit, lowercase: lowercase, newlines: newlines, endToken: endToken)
  }

  public var trainSource: TextSource { train.map { .path($0) } ?? .builtInCorpus }
  public var validSource: TextSource? { valid.map { .path($0) } }

  /// The entropy rate of the text to train on, in nats per character, where it is known: that of the built-in corpus
  /// as it is.
  public var entropyRate: Double? {
    train == nil && textFormat == TextFormat() && minFreq == 1 ? BuiltInCorpus.grammar.entropyRate : nil
  }

  /// - Parameter vocabulary: V.
  /// - Throws: `ModelConfigError`.
  public func modelConfig(vocabulary: Int) throws -> ModelConfig {
    try ModelConfig(
      cell: cell, vocabulary: vocabulary, embedding: embedding, hidden: hidden, layers: layers)
  }

  /// All that is dropped.
  var allDropout: Dropout {
    Dropout(between: layers > 1 ? dropout : 0, output: dropoutOutput)
  }
}

extension CellKind {
  /// What a run uses unless told otherwise.
  public static let standard = CellKind(named: "gru")!
}

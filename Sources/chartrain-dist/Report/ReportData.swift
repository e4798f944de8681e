import FoundationEssentials
import Training

/// What the page of a report is given: see `page.js`, which draws it.
struct ReportData: Encodable {
  let generated: Date
  let version: String
  let runs: [Run]

  struct Run: Encodable {
    let name: String
    let directory: String
    /// What there is to know first: names and values.
    let summary: [[String]]
    let options: TrainingConfig
    let ranks: [Placement]
    /// In nats per character, where the text's is known.
    let entropyRate: Double?
    let steps: Steps
    let epochs: [EpochMetrics]
    let checkpoints: [Saved]
    /// What has become of the run, and whether that is as it should be.
    let state: String
    let isSound: Bool
    /// Starts, ends and warnings, in the order in which they came.
    let history: [Happening]
    let skippedSteps: Int
    /// Steps that were made, but of which there is no line.
    let stepsWithoutLine: Int
    let rewinds: [RewindMetrics]
    let samples: [Sample]
  }

  /// Columns of equal length, of some of the steps.
  struct Steps: Encodable {
    var step: [Int] = []
    /// Smoothed.
    var loss: [Double?] = []
    var learningRate: [Double] = []
    var gradientNorm: [Double?] = []
    var charactersPerSecond: [Double] = []
  }

  /// A checkpoint, and where it is if it is still there.
  struct Saved: Encodable {
    let step: Int
    let epoch: Int
    let names: [String]
    let seconds: Double
    let waitSeconds: Double
    let failure: String?
    let file: String?
  }

  /// Something that happened to a run.
  struct Happening: Encodable {
    /// In seconds since 1970.
    let time: Double
    let step: Int
    let text: String
    /// Whether the run went on with this, after it had ended.
    let isRestart: Bool
  }

  struct Sample: Encodable {
    let epoch: Int
    let text: String
  }

  /// - Parameter page: the file that the report will be, from which links go out.
  init(_ runs: [PastRun], page: String) {
    generated = Date()
    version = programVersion
    self.runs = runs.map { Run($0, page: page) }
  }

  var json: String {
    get throws {
      let encoder = JSONEncoder()
      encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
      encoder.dateEncodingStrategy = .iso8601
      return String(decoding: try encoder.encode(self), as: UTF8.self)
    }
  }
}

extension ReportData.Run {
  fileprivate init(_ run: PastRun, page: String) {
    let config = run.config
    let metrics = run.metrics
    name = run.name
    directory = run.directory.path
    options = config
    ranks = run.placement
    entropyRate = config.entropyRate
    steps = ReportData.Steps(metrics)
    epochs = metrics.epochs
    let files = ReportData.Saved.stepsOfFiles(run)
    checkpoints = metrics.checkpoints.map { ReportData.Saved($0, run.directory, files: files, page: page) }
    skippedSteps = metrics.steps.count { $0.skipped }
    stepsWithoutLine = (metrics.steps.last?.step ?? 0) - metrics.steps.count
    let checkpoint = run.lastCheckpoint()
    state = run.stateInWords
    isSound = [.goingOn, .ended(.finished), .ended(.maxSteps), .ended(.request)].contains(run.state)
    history = ReportData.Happening.all(of: run)
    rewinds = metrics.rewinds
    samples = run.samples.map { ReportData.Sample(epoch: $0.epoch, text: $0.text) }
    summary = Self.summary(run, checkpoint)
  }

  private static func summary(_ run: PastRun, _ checkpoint: Checkpoint?) -> [[String]] {
    let config = run.config
    let parameters = checkpoint.map { ", \(grouped($0.parameterCount)) parameters" } ?? ""
    let vocabulary = checkpoint.map { ", vocabulary \($0.vocabulary.count)" } ?? ""
    let dropout = config.dropout > 0 ? ", dropout \(config.dropout)" : ""
    var rows = [
      [
        "model",
        "\(config.cell.name) \(config.layers)x\(config.hidden), embedding \(config.embedding)\(dropout)\(parameters)",
      ],
      ["text", config.trainSource.name + vocabulary],
      ["streams", "\(grouped(config.bs)), windows of \(config.bptt)"],
      ["phases", config.phaseSummary],
    ]
    if !run.placement.isEmpty {
      rows.append([
        "ranks", "\(placesInWords(run.placement.ranksByHost)), \(counted(config.threads, "thread")) each",
      ])
    }
    rows.append(["state", run.stateInWords])
    return rows
  }
}

extension ReportData.Happening {
  static func all(of run: PastRun) -> [Self] {
    var starts = 0
    return run.metrics.history.map { record in
      switch record {
      case .start(let start):
        starts += 1
        return Self(
          time: start.time, step: start.step,
          text: (starts == 1 && start.step == 0 ? "started, " : "went on, ") + placesInWords(start.ranks),
          isRestart: starts > 1)
      case .end(let end):
        return Self(time: end.time, step: end.step, text: end.ending.inWords, isRestart: false)
      case .warning(let warning):
        return Self(
          time: warning.time, step: warning.step, text: "warning: " + warning.text, isRestart: false)
      }
    }
  }
}

extension ReportData.Steps {
  /// Enough for a chart as wide as a screen.
  private static let maximumCount = 2000

  fileprivate init(_ metrics: MetricsFile) {
    let losses = metrics.smoothedLosses
    let steps = metrics.steps
    let every = max(1, (steps.count + Self.maximumCount - 1) / Self.maximumCount)
    for start in stride(from: 0, to: steps.count, by: every) {
      // Of each group the step with the largest gradient: no peak is lost.
      func norm(_ index: Int) -> Double { steps[index].gradientNorm ?? 0 }
      let group = start..<min(start + every, steps.count)
      let index = group.max { norm($0) < norm($1) }!
      let line = steps[index]
      step.append(line.step)
      loss.append(losses[index])
      learningRate.append(line.learningRate)
      gradientNorm.append(line.gradientNorm)
      charactersPerSecond.append(line.charactersPerSecond)
    }
  }
}

extension ReportData.Saved {
  /// - Parameter files: of each name the step of the file that is there now.
  fileprivate init(
    _ saved: CheckpointMetrics, _ directory: RunDirectory, files: [String: Int], page: String
  ) {
    step = saved.step
    epoch = saved.epoch
    names = saved.names
    seconds = saved.seconds
    waitSeconds = saved.waitSeconds
    failure = saved.failure
    file = saved.names.first { files[$0] == saved.step }
      .map { RelativePath.from(page, to: directory.checkpoint($0)) }
  }

  /// Files are written over: `last` is that of later steps by now, unless nothing came after it.
  fileprivate static func stepsOfFiles(_ run: PastRun) -> [String: Int] {
    let names = Set(run.metrics.checkpoints.flatMap(\.names))
    let steps = names.map { ($0, (try? Checkpoint(path: run.directory.checkpoint($0)))?.progress?.step) }
    return Dictionary(uniqueKeysWithValues: steps).compactMapValues { $0 }
  }
}

import CharModel
import Ranks
import Text

/// How fast training would be on up to 1024 ranks, predicted from what hosts and their network do.
public struct ScalingPlan: Encodable, Sendable {
  /// One number of ranks.
  public struct Row: Encodable, Sendable {
    public let shape: Shape
    /// `bs`, over all ranks.
    public let streams: Int
    public let stepSeconds: Double
    /// The part of a step in which ranks wait for the network.
    public let networkFraction: Double
    public let charactersPerSecond: Double
    /// Of each core, compared with one rank on one core.
    public let efficiency: Double
    public let bottleneck: Bottleneck
  }

  /// What would help most, as far as anything would.
  public enum Bottleneck: String, Encodable, Sendable {
    /// The arithmetic: more cores help.
    case compute
    /// Ranks have so few streams that products of matrices are small: a larger `bs` helps, or threads instead of ranks.
    case fewStreams = "few streams"
    /// The cores of a host compete for its memory, caches and power.
    case host
    /// Of the network: gradients and parameters on their way.
    case bandwidth
    case latency
  }

  /// Of a host.
  public let cores: Int
  /// Nil where nobody has said anything of other hosts.
  public let network: NetworkSpeed?
  public let gradientBytes: Int
  /// The same `bs` for all ranks together: of each number of cores the fastest way to use them.
  public let strong: [Row]
  /// `bs` for each rank.
  public let weak: [Row]
  /// Of ``strong``.
  public let fastest: Row
  /// The part of the time of all ranks that they would wait there for rank 0 to validate.
  public let idleFraction: Double

  public static let maximumRanks = 1024
  /// What part of their time ranks may wait for rank 0 to validate before it is worth a word.
  public static let tolerableIdleFraction = 0.05
  /// How fast one core must be, compared with one alone, for more of them to be worth it.
  public static let worthwhileEfficiency = 0.7

  /// Measures steps on the hosts of `world`, and their network where there are several.
  ///
  /// - Parameters:
  ///   - config: what is to be trained.
  ///   - cores: of a host.
  ///   - network: instead of measuring it.
  ///   - world: with one rank on each host.
  ///   - progress: given the part that is done; called on every rank.
  /// - Throws: `AgreedFailure` where the text cannot be read or memory does not suffice; `RankError`.
  public init(
    _ config: TrainingConfig, cores: Int, network: NetworkSpeed?, _ world: any World,
    progress: (Double) -> Void
  ) throws {
    let text = try TextSize(config, world)
    let model = try world.onAll { try config.modelConfig(vocabulary: text.vocabularyCount) }
    let layout = ParameterLayout(model)
    let network =
      try network ?? (world.size > 1 ? NetworkSpeed(measuring: world, layout.layerChunks) : nil)
    let hosts = network == nil ? nil : world.size
    let strong = Shape.strong(cores: cores, streams: config.bs, hosts: hosts)
      .map { (shape: $0, streams: config.bs) }
    let weak = Shape.weak(cores: cores, hosts: hosts).map { (shape: $0, streams: config.bs * $0.ranks) }
    let profile = try HostProfile(
      config, (strong + weak).map { $0.shape.hostWork(streams: $0.streams, blocks: config.blocks) },
      vocabularyCount: text.vocabularyCount, world, progress: progress)
    let prediction = StepPrediction(config, layout, profile, network)
    self.cores = cores
    self.network = network
    gradientBytes = prediction.gradientBytes
    let strongRows = strong.map { prediction.row($0.shape, streams: $0.streams) }
    self.strong = Dictionary(grouping: strongRows, by: \.shape.cores).values
      .map { $0.max { $0.charactersPerSecond < $1.charactersPerSecond }! }
      .sorted { $0.shape.cores < $1.shape.cores }
    self.weak = weak.map { prediction.row($0.shape, streams: $0.streams) }
    fastest = self.strong.max { $0.charactersPerSecond < $1.charactersPerSecond }!
    let validation = prediction.validationSeconds(
      characters: text.validCount, threads: fastest.shape.threads)
    let epoch = Double(text.trainCount) / fastest.charactersPerSecond
    idleFraction = (1 - 1 / Double(fastest.shape.ranks)) * validation / (validation + epoch)
  }

  /// As JSON on one line.
  public var json: String { get throws { try JSON.line(self) } }

  /// The most cores that are worth it, by their efficiency in whole percent.
  public var worthwhile: Row {
    strong.last { $0.efficiency > Self.worthwhileEfficiency - 0.005 } ?? strong[0]
  }

  /// What a plan must know of the text, on all ranks.
  private struct TextSize: BitwiseCopyable {
    var vocabularyCount = 0
    var trainCount = 0
    var validCount = 0

    init(_ config: TrainingConfig, _ world: any World) throws {
      let text = try world.onRoot("reading the text") {
        let text = try PreparedText(config)
        _ = try text.split(config)
        return text
      }
      if let text {
        (vocabularyCount, trainCount, validCount) = (
          text.vocabulary.count, text.train.count, text.valid.count
        )
      }
      self = try world.broadcast(self)
    }
  }
}

extension ScalingPlan {
  /// A number of ranks, and where they are.
  public struct Shape: Hashable, Codable, Sendable {
    public let hosts: Int
    public let ranksPerHost: Int
    /// Of each rank.
    public let threads: Int

    public init(hosts: Int, ranksPerHost: Int, threads: Int) {
      self.hosts = hosts
      self.ranksPerHost = ranksPerHost
      self.threads = threads
    }

    public var ranks: Int { hosts * ranksPerHost }
    public var cores: Int { ranks * threads }

    /// What one of the hosts does, where all together have so many streams.
    ///
    /// - Parameter blocks: those that the user wants, of which there are as many as ranks where ranks do not divide them.
    func hostWork(streams: Int, blocks: Int) -> HostProfile.Work {
      HostProfile.Work(
        ranks: ranksPerHost, threads: threads, streams: (streams + hosts - 1) / hosts,
        blocks: self.blocks(wanted: blocks) / hosts)
    }

    /// Those of all ranks together: as the user wants them, or as many as ranks where ranks do not divide them.
    public func blocks(wanted: Int) -> Int { wanted.isMultiple(of: ranks) ? wanted : ranks }

    /// A part of one host, a whole one, and several; with a rank for each core, and with fewer that have threads.
    ///
    /// - Parameters:
    ///   - cores: of a host.
    ///   - streams: of all ranks together; no more ranks than that.
    ///   - hosts: those at hand, which are among the numbers of hosts; nil where there is no network to others.
    public static func strong(cores: Int, streams: Int, hosts: Int?) -> [Shape] {
      let parts = powersOfTwo(upTo: cores, and: cores).map { Shape(hosts: 1, ranksPerHost: $0, threads: 1) }
      let wholes = powersOfTwo(upTo: cores, and: cores).flatMap { ranks in
        hostCounts(hosts, ranksPerHost: ranks).map {
          Shape(hosts: $0, ranksPerHost: ranks, threads: cores / ranks)
        }
      }
      return Array(Set(parts + wholes)).filter { $0.ranks <= streams }
    }

    /// A rank for each core of a part of a host, of a whole one, and of several.
    ///
    /// - Parameters:
    ///   - cores: of a host.
    ///   - hosts: as for ``strong(cores:streams:hosts:)``.
    public static func weak(cores: Int, hosts: Int?) -> [Shape] {
      powersOfTwo(upTo: cores, and: cores).map { Shape(hosts: 1, ranksPerHost: $0, threads: 1) }
        + hostCounts(hosts, ranksPerHost: cores).dropFirst().map {
          Shape(hosts: $0, ranksPerHost: cores, threads: 1)
        }
    }

    private static func hostCounts(_ hosts: Int?, ranksPerHost: Int) -> [Int] {
      hosts.map { powersOfTwo(upTo: maximumRanks / ranksPerHost, and: $0) } ?? [1]
    }

    /// In ascending order.
    private static func powersOfTwo(upTo limit: Int, and other: Int) -> [Int] {
      Set(sequence(first: 1) { $0 * 2 <= limit ? $0 * 2 : nil } + [other]).sorted()
    }
  }
}

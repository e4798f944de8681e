import CharModel
import Ranks

/// The time of a step on several hosts, from that on one and from what the network does.
///
/// On a host the ranks do what was measured. Between hosts the gradient travels as `TreeSum` lets it: halves and halves again, each
/// layer's as soon as it is there, and the parameters back. All ranks of a host share its network.
public struct StepPrediction {
  private let config: TrainingConfig
  private let profile: HostProfile
  private let network: NetworkSpeed?
  /// Of each layer's part of the gradient.
  private let chunkBytes: [Double]

  /// - Parameters:
  ///   - config: bs, bptt and blocks of it count.
  ///   - layout: of the model's parameters.
  ///   - profile: of one host, with all the work that ``row(_:streams:)`` is going to be asked about.
  ///   - network: between hosts; nil where there is only one.
  public init(
    _ config: TrainingConfig, _ layout: ParameterLayout, _ profile: HostProfile, _ network: NetworkSpeed?
  ) {
    self.config = config
    self.profile = profile
    self.network = network
    chunkBytes = layout.layerChunks.map { Double($0.count * MemoryLayout<Float>.size) }
  }

  public var gradientBytes: Int { Int(chunkBytes.reduce(0, +)) }

  /// What rank 0 takes to validate so many characters, with so many threads.
  public func validationSeconds(characters: Int, threads: Int) -> Double {
    one.forward / Double(config.bs * config.bptt * threads) * Double(characters)
  }

  /// What a step takes.
  ///
  /// - Parameters:
  ///   - shape: whose work on a host has been measured.
  ///   - streams: of all ranks together.
  public func row(_ shape: ScalingPlan.Shape, streams: Int) -> ScalingPlan.Row {
    let work = shape.hostWork(streams: streams, blocks: config.blocks)
    let host = profile.times[work]!
    let (latency, transfer) = networkSeconds(shape, host)
    let seconds = host.step + latency + transfer - savedByHosts(shape, host)
    let characters = Double(streams * config.bptt)
    let networkFraction = (latency + transfer) / seconds
    return ScalingPlan.Row(
      shape: shape, streams: streams, stepSeconds: seconds, networkFraction: networkFraction,
      charactersPerSecond: characters / seconds,
      efficiency: characters / seconds / Double(shape.cores)
        / (Double(config.bs * config.bptt) / one.step),
      bottleneck: networkFraction > Self.much
        ? latency > transfer ? .latency : .bandwidth : hostBottleneck(work, host))
  }

  /// The part of a step from which on something is what holds it up.
  private static let much = 0.3

  /// One rank on one core, with all streams.
  private var one: HostProfile.Times {
    profile.times[
      HostProfile.Work(ranks: 1, threads: 1, streams: config.bs, blocks: config.blocks)]!
  }

  /// How long ranks wait for the network: for messages to begin to arrive, and for their bytes.
  private func networkSeconds(_ shape: ScalingPlan.Shape, _ host: HostProfile.Times)
    -> (latency: Double, transfer: Double)
  {
    guard let network, shape.hosts > 1 else { return (0, 0) }
    let traffic = SumTraffic(
      hosts: shape.hosts, ranksPerHost: shape.ranksPerHost, blocks: shape.blocks(wanted: config.blocks))
    /// To add up a part of the gradient.
    func transfer(_ bytes: Double) -> Double { bytes * traffic.added / network.bytesPerSecond }
    // The last layer's gradient is there first, and travels while those below go backward.
    let layers = chunkBytes.count
    let backward = host.backward / Double(layers)
    var free = 0.0
    for (index, bytes) in chunkBytes.reversed().enumerated() {
      free = max(free, Double(index) * backward) + transfer(bytes)
    }
    let all = chunkBytes.reduce(0) { $0 + transfer($1) }
    let hidden = all - max(0, free - Double(layers - 1) * backward)
    let exposed = all - network.overlap * hidden
    let shared = Double(gradientBytes) * traffic.shared / network.bytesPerSecond
    // Of the last chunk to be added up, of all that are shared, and of the sums of loss and norm.
    let roundsOfNumbers = Int.bitWidth - (shape.hosts - 1).leadingZeroBitCount
    let rounds = traffic.roundsToAdd + layers * traffic.roundsToShare + roundsOfNumbers
    return (Double(rounds) * network.latencySeconds, exposed + shared)
  }

  /// A rank moves only its part of the parameters, which is smaller on more hosts; it adds up a little more.
  private func savedByHosts(_ shape: ScalingPlan.Shape, _ host: HostProfile.Times) -> Double {
    // Adam reads four numbers and writes three, a sum reads two and writes one.
    host.optimizer * (1 - 1 / Double(shape.hosts)) * (1 - 3.0 / 7)
  }

  private func hostBottleneck(_ work: HostProfile.Work, _ host: HostProfile.Times) -> ScalingPlan.Bottleneck {
    let ownStreams = max(1, work.streams / work.ranks)
    let alone = profile.times.first {
      $0.key.ranks == 1 && $0.key.threads == 1 && $0.key.streams == ownStreams
    }?.value
    // What the same streams would take if nobody else were on the host, and if small products were as fast as large ones.
    let ideal = one.step * Double(work.streams) / Double(config.bs * work.ranks * work.threads)
    let small = (alone?.step).map { $0 / Double(work.threads) } ?? ideal
    let (lostToSize, lostToHost) = (small - ideal, host.step - small)
    guard max(lostToSize, lostToHost) > Self.much * host.step else { return .compute }
    return lostToSize > lostToHost ? .fewStreams : .host
  }
}

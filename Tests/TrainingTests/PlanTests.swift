import CharModel
import Foundation
import Ranks
import TestSupport
import Testing
import Training

@Suite struct PlanTests {
  private typealias Shape = ScalingPlan.Shape

  @Test func shapesFillHostsWithRanksAndThreads() {
    let alone = Set(Shape.strong(cores: 6, streams: 64, hosts: nil))
    let expected: [(Int, Int)] = [(1, 1), (2, 1), (4, 1), (6, 1), (1, 6), (2, 3)]
    #expect(alone == Set(expected.map { Shape(hosts: 1, ranksPerHost: $0.0, threads: $0.1) }))
    let many = Shape.strong(cores: 2, streams: 64, hosts: 3)
    #expect(many.allSatisfy { $0.ranks <= 64 && ($0.hosts == 1 || $0.ranksPerHost * $0.threads == 2) })
    #expect(many.contains(Shape(hosts: 32, ranksPerHost: 2, threads: 1)))
    #expect(many.contains(Shape(hosts: 64, ranksPerHost: 1, threads: 2)))
    // The hosts at hand, however many.
    #expect(many.contains(Shape(hosts: 3, ranksPerHost: 2, threads: 1)))
    #expect(many.contains(Shape(hosts: 3, ranksPerHost: 1, threads: 2)))
    #expect(!many.contains { $0.hosts == 5 })
    #expect(
      Shape.weak(cores: 6, hosts: 1).map(\.ranks) == [1, 2, 4, 6, 12, 24, 48, 96, 192, 384, 768])
    #expect(Shape.weak(cores: 2, hosts: 3).map(\.hosts) == [1, 1, 2, 3, 4, 8, 16, 32, 64, 128, 256, 512])
  }

  /// A step of 10 ms for each 8 streams of a rank, 40 % of it backward, and 1 ms of Adam, on hosts of two cores.
  private func prediction(_ network: NetworkSpeed?, layers: Int = 2) throws -> (StepPrediction, bytes: Double)
  {
    var config = TrainingConfig()
    config.bs = 64
    config.bptt = 10
    config.layers = layers
    config.hidden = 64
    var times: [HostProfile.Work: HostProfile.Times] = [:]
    for ranks in [1, 2] {
      for streams in [1, 2, 4, 8, 16, 32, 64, 128] where streams >= ranks {
        let step = 0.010 * Double(streams / ranks) / 8
        for blocks in [1, 2, 4, 8] {
          times[.init(ranks: ranks, threads: 1, streams: streams, blocks: blocks)] = .init(
            step: step, forward: 0.5 * step, backward: 0.4 * step, optimizer: 0.001 / Double(ranks))
        }
      }
    }
    let layout = ParameterLayout(try config.modelConfig(vocabulary: 50))
    let prediction = StepPrediction(config, layout, HostProfile(times), network)
    return (prediction, Double(prediction.gradientBytes))
  }

  @Test func aHostAloneTakesWhatWasMeasured() throws {
    let (prediction, _) = try prediction(nil)
    let row = prediction.row(Shape(hosts: 1, ranksPerHost: 2, threads: 1), streams: 64)
    #expect(abs(row.stepSeconds - 0.040) < 1e-12)
    #expect(row.networkFraction == 0)
    #expect(abs(row.charactersPerSecond - 640 / 0.040) < 1e-6)
    #expect(abs(row.efficiency - 1) < 1e-12)
    #expect(row.bottleneck == .compute)
    #expect(abs(prediction.validationSeconds(characters: 6400, threads: 1) - 0.5 * 0.080 * 10) < 1e-12)
  }

  /// Half of the gradient comes and goes, and the parameters too.
  @Test func twoHostsAddTheirNetwork() throws {
    let slow = NetworkSpeed(latencySeconds: 0, bytesPerSecond: 1e7, overlap: 0)
    let (prediction, bytes) = try prediction(slow)
    let row = prediction.row(Shape(hosts: 2, ranksPerHost: 1, threads: 1), streams: 64)
    let moved = 2 * bytes / 2 / 1e7
    let saved = 0.001 / 2 * 4 / 7
    #expect(abs(row.stepSeconds - (0.040 + moved - saved)) < 1e-9)
    #expect(row.bottleneck == .bandwidth)
    let eight = prediction.row(Shape(hosts: 4, ranksPerHost: 2, threads: 1), streams: 64)
    #expect(abs(eight.stepSeconds - (0.010 + 2 * bytes * 3 / 4 / 1e7 - 0.0005 * 3 / 4 * 4 / 7)) < 1e-9)
  }

  /// What can travel while the first layer goes backward does not count, as far as the rank need not do it itself.
  @Test func whatTravelsMeanwhileIsHidden() throws {
    let shape = Shape(hosts: 2, ranksPerHost: 1, threads: 1)
    let seconds = try [0, 0.5, 1].map { overlap in
      let network = NetworkSpeed(latencySeconds: 0, bytesPerSecond: 1e9, overlap: overlap)
      return try prediction(network).0.row(shape, streams: 64).stepSeconds
    }
    let layout = ParameterLayout(
      try ModelConfig(cell: .standard, vocabulary: 50, embedding: 42, hidden: 64, layers: 2))
    // The second layer's part is gone long before the first is done.
    let hidden = Double(layout.layerChunks[1].count) * 4 / 2 / 1e9
    #expect(abs(seconds[0] - seconds[2] - hidden) < 1e-9)
    #expect(abs(seconds[0] - seconds[1] - hidden / 2) < 1e-9)
    let one = try [0, 1].map {
      try prediction(NetworkSpeed(latencySeconds: 0, bytesPerSecond: 1e9, overlap: $0), layers: 1).0
        .row(shape, streams: 64).stepSeconds
    }
    #expect(one[0] == one[1], "with one layer nothing is left to compute")
  }

  @Test func latencyCountsByRounds() throws {
    let (prediction, _) = try prediction(NetworkSpeed(latencySeconds: 0.1, bytesPerSecond: 1e15, overlap: 0))
    for (rounds, hosts) in [(1.0, 2), (2.0, 4), (3.0, 8)] {
      let row = prediction.row(Shape(hosts: hosts, ranksPerHost: 1, threads: 1), streams: 64)
      #expect(abs(row.stepSeconds * row.networkFraction - rounds * 0.4) < 1e-6)
      #expect(row.bottleneck == .latency)
    }
  }

  /// Measured for real, on a model that takes no time.
  @Test(arguments: [nil, NetworkSpeed(latencySeconds: 1e-5, bytesPerSecond: 1e9)])
  func aPlanCoversAllRanks(network: NetworkSpeed?) throws {
    var config = TrainingConfig()
    config.hidden = 8
    config.bs = 16
    let plan = try ThreadWorld.run(size: 1) { [config] world in
      try ScalingPlan(config, cores: 2, network: network, world) { _ in }
    }[0]
    let strong = plan.strong.map(\.shape.cores)
    #expect(strong == (network == nil ? [1, 2] : [1, 2, 4, 8, 16, 32]))
    #expect(plan.weak.last!.shape.ranks == (network == nil ? 2 : 1024))
    #expect(plan.weak.allSatisfy { $0.streams == 16 * $0.shape.ranks })
    #expect((plan.strong + plan.weak).allSatisfy { $0.stepSeconds > 0 && $0.charactersPerSecond > 0 })
    #expect(plan.fastest.charactersPerSecond == plan.strong.map(\.charactersPerSecond).max())
    #expect(plan.strong[0].shape.cores > 1 || plan.strong[0].efficiency == 1)
    #expect((0..<1).contains(plan.idleFraction))
  }

  /// Ranks of one process take the place of hosts.
  @Test func aNetworkIsMeasured() throws {
    for ranks in 2...4 {
      let speeds = try ThreadWorld.run(size: ranks) { world in
        try NetworkSpeed(measuring: world, [0..<4096, 4096..<16384])
      }
      #expect(speeds.allSatisfy { $0 == speeds[0] })
      #expect(speeds[0].latencySeconds > 0 && speeds[0].bytesPerSecond > 1e5)
      #expect((0...1).contains(speeds[0].overlap))
    }
  }
}

import Kernels

/// What goes between hosts while `TreeSum` adds up vectors and shares the sums, where as many ranks are on each host, next to each other.
public struct SumTraffic: Sendable {
  /// The bytes that the busiest host sends or receives for each byte of a vector, when it is added up and when the sums are shared.
  public let added: Double
  public let shared: Double
  /// The messages that come one after the other when a chunk is added up and when it is shared.
  public let roundsToAdd: Int
  public let roundsToShare: Int

  /// - Parameters:
  ///   - hosts: at least one.
  ///   - ranksPerHost: at least one.
  ///   - blocks: a multiple of the number of ranks.
  public init(hosts: Int, ranksPerHost: Int, blocks: Int) {
    let ranks = hosts * ranksPerHost
    precondition(blocks.isMultiple(of: ranks))
    let toOthers = 1 - 1 / Double(hosts)
    if TreeSum.halves(ranks: ranks) {
      // A host's ranks have added up among themselves before anything leaves it.
      (added, shared) = (toOthers, toOthers)
      (roundsToAdd, roundsToShare) = (hosts.trailingZeroBitCount, hosts.trailingZeroBitCount)
      return
    }
    // Each rank sends every node that it holds to every rank of the others by itself.
    let tree = SumTree(count: blocks)
    let blocksPerHost = blocks / hosts
    let nodes = (0..<hosts).map { host in
      stride(from: host * blocksPerHost, to: (host + 1) * blocksPerHost, by: blocks / ranks)
        .reduce(0) { $0 + tree.nodes(covering: $1..<$1 + blocks / ranks).count }
    }
    let all = nodes.reduce(0, +)
    added = nodes.map { Double(max($0 * (hosts - 1), all - $0)) / Double(hosts) }.max()!
    shared = Double(ranksPerHost) * toOthers
    (roundsToAdd, roundsToShare) = hosts == 1 ? (0, 0) : (1, ranks - 1)
  }
}

import Testing
import Text

@Suite struct TextStreamsTests {
  @Test(arguments: [(64, 1), (64, 3), (10, 4), (7, 7), (5, 2)])
  func shardsAreDisjointAndCompleteAndNearlyEqual(streams: Int, ranks: Int) {
    let shards = (0..<ranks).map { StreamSplit.shard(streams: streams, rank: $0, ranks: ranks) }
    #expect(shards.flatMap { Array($0) } == Array(0..<streams))
    let counts = shards.map(\.count)
    #expect(counts.max()! - counts.min()! <= 1)
  }

  /// Stream b is the contiguous text from b * columns, on whichever rank.
  @Test func windowsAreTimeFirstAndContiguousInEachStream() throws {
    let text = Tokens(.bytes((0..<31).map { UInt8($0) }))
    let split = try StreamSplit(count: 31, streams: 3, name: "")
    #expect(split.columns == 10)
    let shard = 1..<3
    let streams = TextStreams(text[split.units(of: shard)], streams: shard, columns: 10)
    var window = TextWindow()
    streams.read(&window, column: 4, length: 3)
    #expect(window.inputs == [14, 24, 15, 25, 16, 26])
    #expect(window.targets == [15, 25, 16, 26, 17, 27])
  }

  @Test func aStreamNeedsSomethingToPredict() throws {
    #expect(throws: TextError.self) { try StreamSplit(count: 5, streams: 3, name: "t") }
    #expect(try StreamSplit(count: 6, streams: 3, name: "t").columns == 2)
  }
}

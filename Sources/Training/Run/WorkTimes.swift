import CharModel
import Ranks

/// How long this rank was at work, epoch by epoch and from one comparison with the others to the next, in seconds.
struct WorkTimes {
  /// What the phases of steps had taken by the end of the last epoch, and then in that epoch.
  private var noted = [Double](repeating: 0, count: PhaseClock.Phase.allCases.count)
  private var ofEpoch = [Double](repeating: 0, count: PhaseClock.Phase.allCases.count)
  /// What this rank had computed when the ranks were compared last.
  private var compared = 0.0

  /// An epoch, or a part of one, is over.
  mutating func noteEpoch(_ clock: PhaseClock) {
    let seconds = PhaseClock.Phase.allCases.map(clock.seconds)
    ofEpoch = zip(seconds, noted).map { $0 - $1 }
    noted = seconds
  }

  /// What was done since the last call belongs to no epoch: the run has gone back.
  mutating func discard(_ clock: PhaseClock) {
    noteEpoch(clock)
    for index in ofEpoch.indices { ofEpoch[index] = 0 }
  }

  /// The epoch's phases in words.
  var summary: String {
    zip(PhaseClock.Phase.allCases, ofEpoch).map { "\($0) \(Int($1 * 1000)) ms" }.joined(separator: ", ")
  }

  /// The phases of the epoch that has ended, of all ranks; nil where it ended before this process began.
  ///
  /// - Throws: `RankError`.
  mutating func gatherEpoch(_ world: any World) throws -> [String: [Double]]? {
    let ofRanks = try world.allGather(ofEpoch)
    for index in ofEpoch.indices { ofEpoch[index] = 0 }
    guard ofRanks.contains(where: { $0.contains { $0 > 0 } }) else { return nil }
    return Dictionary(
      uniqueKeysWithValues: PhaseClock.Phase.allCases.enumerated().map { index, phase in
        ("\(phase)", ofRanks.map { $0[index] })
      })
  }

  /// How evenly the ranks were at work since the last call; nil where that says nothing.
  ///
  /// - Throws: `RankError`.
  mutating func compareRanks(_ clock: PhaseClock, _ world: any World) throws -> RankBalance? {
    guard world.size > 1 else { return nil }
    let computing = clock.secondsComputing
    let seconds: [Double] = try world.allGather(computing - compared)
    compared = computing
    return RankBalance(seconds: seconds)
  }
}

import Testing
import Training

@Suite struct RankBalanceTests {
  @Test func theSlowestRankIsNamedAndTheOthersMeasuredByIt() {
    #expect(RankBalance(seconds: [1, 1, 1])?.evenness == 1)
    let uneven = RankBalance(seconds: [1, 4, 1])
    #expect(uneven?.evenness == 0.5 && uneven?.slowestRank == 1)
    #expect(RankBalance(seconds: [0, 0]) == nil)
    #expect(RankBalance(seconds: []) == nil)
  }
}

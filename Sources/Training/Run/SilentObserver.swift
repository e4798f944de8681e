/// Shows nothing; a subclass may show something.
open class SilentObserver: RunObserver {
  public init() {}

  open func runBegan(_ summary: RunSummary) {}
  open func stepEnded(_ metrics: StepMetrics, smoothedLoss: Double?, fraction: Double) {}
  open func wentBack(toStep step: Int) {}
  open func ranksCompared(_ balance: RankBalance) {}
  open func validationAdvanced(fraction: Double, of characters: Int) {}
  open func epochEnded(_ metrics: EpochMetrics, isBest: Bool) {}
  open func sampled(_ text: String) {}
  open func histogramsCollected(_ histograms: [TensorHistogram], step: Int) {}
  open func runEnded(_ report: RunReport) {}
}

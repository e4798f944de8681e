/// Shows nothing.
public final class SilentObserver: RunObserver {
  public init() {}

  public func runBegan(_ summary: RunSummary) {}
  public func stepEnded(_ metrics: StepMetrics, smoothedLoss: Double?, fraction: Double) {}
  public func validationAdvanced(characters: Int, of total: Int) {}
  public func epochEnded(_ metrics: EpochMetrics, isBest: Bool) {}
  public func sampled(_ text: String) {}
  public func runEnded(_ report: RunReport) {}
}

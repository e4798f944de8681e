import Training

/// Several observers, each told what happens.
final class ObserverGroup: RunObserver {
  private let observers: [any RunObserver]

  init(_ observers: [any RunObserver]) { self.observers = observers }

  func runBegan(_ summary: RunSummary) { for observer in observers { observer.runBegan(summary) } }

  func stepEnded(_ metrics: StepMetrics, smoothedLoss: Double?, fraction: Double) {
    for observer in observers {
      observer.stepEnded(metrics, smoothedLoss: smoothedLoss, fraction: fraction)
    }
  }

  func wentBack(toStep step: Int) { for observer in observers { observer.wentBack(toStep: step) } }

  func ranksCompared(_ balance: RankBalance) {
    for observer in observers { observer.ranksCompared(balance) }
  }

  func validationAdvanced(fraction: Double, of characters: Int) {
    for observer in observers { observer.validationAdvanced(fraction: fraction, of: characters) }
  }

  func epochEnded(_ metrics: EpochMetrics, isBest: Bool) {
    for observer in observers { observer.epochEnded(metrics, isBest: isBest) }
  }

  func sampled(_ text: String) { for observer in observers { observer.sampled(text) } }

  func histogramsCollected(_ histograms: [TensorHistogram], step: Int) {
    for observer in observers { observer.histogramsCollected(histograms, step: step) }
  }

  func runEnded(_ report: RunReport) { for observer in observers { observer.runEnded(report) } }
}

/// Looks at every step on every rank. All ranks have the same inspectors, so that these may make collective calls where they can
/// throw.
public protocol StepInspector: AnyObject {
  /// The window has been read.
  func stepBegins(_ trainer: Trainer) throws
  func forwardEnded(_ trainer: Trainer) throws
  /// This rank's own elements of the gradient are final.
  func gradientCombined(_ trainer: Trainer) throws
  /// The parameters have moved, or the step was skipped.
  func stepEnded(_ trainer: Trainer, _ record: Trainer.StepRecord) throws
}

extension StepInspector {
  public func stepBegins(_ trainer: Trainer) throws {}
  public func forwardEnded(_ trainer: Trainer) throws {}
  public func gradientCombined(_ trainer: Trainer) throws {}
  public func stepEnded(_ trainer: Trainer, _ record: Trainer.StepRecord) throws {}
}

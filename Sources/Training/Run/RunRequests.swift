/// What somebody outside asks of a run that goes on. A request to any rank reaches all with the sums of a step.
public struct RunRequests: OptionSet, Sendable {
  public let rawValue: Int

  public init(rawValue: Int) { self.rawValue = rawValue }

  /// To save and end.
  public static let stop = RunRequests(rawValue: 1)
  /// To write a checkpoint and go on.
  public static let save = RunRequests(rawValue: 2)

  private static let all = [stop, save]

  /// For each request whether it is made, as numbers that ranks can add up.
  var counts: [Double] { Self.all.map { contains($0) ? 1 : 0 } }

  /// Those that any rank has made.
  init(counts: ArraySlice<Double>) {
    self = zip(Self.all, counts).reduce(into: []) { if $1.1 > 0 { $0.insert($1.0) } }
  }
}

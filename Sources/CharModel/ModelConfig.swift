/// The shape of a model: everything that decides which parameters it has and what it computes.
public struct ModelConfig: Equatable, Sendable {
  public let cell: CellKind
  /// V, at least 1.
  public let vocabulary: Int
  /// E, at least 1.
  public let embedding: Int
  /// H, at least 1.
  public let hidden: Int
  /// L, from 1 to ``maximumLayers``.
  public let layers: Int

  /// A layer's number is one byte of the random numbers' counter.
  public static let maximumLayers = 255
  /// A width above this is a typing error, and its matrices would not fit BLAS's 32-bit sizes.
  public static let maximumWidth = 65_536

  /// - Throws: ``ModelConfigError`` that names the first value out of range.
  public init(cell: CellKind, vocabulary: Int, embedding: Int, hidden: Int, layers: Int) throws {
    try Self.check("vocabulary", vocabulary, 1...Self.maximumWidth)
    try Self.check("embedding", embedding, 1...Self.maximumWidth)
    try Self.check("hidden", hidden, 1...Self.maximumWidth)
    try Self.check("layers", layers, 1...Self.maximumLayers)
    self.cell = cell
    self.vocabulary = vocabulary
    self.embedding = embedding
    self.hidden = hidden
    self.layers = layers
  }

  /// G*H, the rows of a layer's weight matrices.
  public var gateRows: Int { cell.cell.gateCount * hidden }

  /// The width of what layer `layer` reads: E for the first, H for the others.
  public func inputWidth(layer: Int) -> Int { layer == 0 ? embedding : hidden }

  private static func check(_ name: String, _ value: Int, _ range: ClosedRange<Int>) throws {
    guard range.contains(value) else {
      throw ModelConfigError(
        name: name, expected: "\(range.lowerBound) to \(range.upperBound)", found: "\(value)")
    }
  }
}

/// A value that no model can have.
public struct ModelConfigError: Error, CustomStringConvertible {
  public let name: String
  public let expected: String
  public let found: String

  public var description: String { "\(name) must be \(expected), found \(found)" }
}

/// One of the registered cells, known by name.
public struct CellKind: Sendable {
  public let cell: any (Cell & Sendable).Type

  /// Every cell there is. A new cell adds its line here and nothing anywhere else.
  public static let all: [CellKind] = [
    CellKind(cell: RNNCell.self),
    CellKind(cell: GRUCell.self),
    CellKind(cell: LSTMCell.self),
  ]

  public var name: String { cell.name }

  /// The cell of that name, or nil.
  public init?(named name: String) {
    guard let kind = Self.all.first(where: { $0.name == name }) else { return nil }
    self = kind
  }

  private init(cell: any (Cell & Sendable).Type) {
    self.cell = cell
  }
}

extension CellKind: Equatable {
  public static func == (a: CellKind, b: CellKind) -> Bool { a.name == b.name }
}

extension CellKind: Codable {
  public init(from decoder: any Decoder) throws {
    let name = try decoder.singleValueContainer().decode(String.self)
    guard let kind = CellKind(named: name) else {
      let known = Self.all.map(\.name).joined(separator: ", ")
      throw DecodingError.dataCorrupted(
        .init(
          codingPath: decoder.codingPath,
          debugDescription: "unknown cell '\(name)', expected one of \(known)"))
    }
    self = kind
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(name)
  }
}

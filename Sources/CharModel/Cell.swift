// B streams, T time steps, V vocabulary, E embedding width, H hidden width, L layers, G gates.

import Kernels

/// A recurrent cell: its equations forward and backward.
///
/// A new cell is one new file with a type that conforms to this protocol and one line in
/// ``CellKind/all``; the gradient check and the other tests of every cell run on it from then on.
///
/// A layer of `H` units has `W_ih` `[G*H, in]`, `W_hh` `[G*H, H]` and the biases `b_ih`, `b_hh`
/// `[G*H]`, the gates one after the other in the cell's order.
public protocol Cell {
  /// As written on the command line and in `config.json`, in lower case.
  static var name: String { get }
  /// G.
  static var gateCount: Int { get }
  /// Whether the cell carries a second state `c` beside `h`.
  static var hasMemory: Bool { get }
  /// Whether some gate needs `W_ih x + b_ih` and `W_hh h + b_hh` apart, not only their sum.
  static var keepsHiddenGatesApart: Bool { get }
  /// The gates in the order in which ONNX has them, whose operator has the cell's name in capitals.
  static var gatesInONNX: [Int] { get }

  /// The cell's equations for one stream and one time step, as the literature writes them: `x` `[in]`
  /// and the state `h`, `c` `[H]` give the new state. The readable reference; sampling uses it.
  static func step(_ x: [Float], _ state: inout CellState, _ weights: LayerWeights)

  /// The same for all streams of a window's time step, from gates whose products are done already.
  static func forward(_ step: CellForward)

  /// The gradient of ``forward(_:)``.
  static func backward(_ step: CellBackward)
}

/// The state of one layer for one stream.
public struct CellState: Equatable, Sendable {
  /// `[H]`.
  public var h: [Float]
  /// `[H]` if the cell has a memory, else empty.
  public var c: [Float]
}

/// What ``Cell/forward(_:)`` reads and writes: one time step of one layer.
public struct CellForward {
  /// `[B, G*H]`. Before: `W_ih x + b_ih`, plus `W_hh h + b_hh` unless the cell keeps them apart.
  /// After: whatever the cell's backward needs.
  public let gates: Matrix
  /// `[B, G*H]`, the same memory as `gates` unless the cell keeps them apart; then before:
  /// `W_hh h + b_hh`, after: whatever the cell's backward needs.
  public let hiddenGates: Matrix
  /// `[B, H]`, the state before the step; `previousC` has no rows if the cell has no memory.
  public let previousH: Matrix
  public let previousC: Matrix
  /// `[B, H]`, to be written: the state after the step.
  public let h: Matrix
  public let c: Matrix

  /// The same for some of the streams.
  func of(_ streams: Range<Int>) -> CellForward {
    CellForward(
      gates: gates.rows(streams), hiddenGates: hiddenGates.rows(streams), previousH: previousH.rows(streams),
      previousC: previousC.rowsIfAny(streams), h: h.rows(streams), c: c.rowsIfAny(streams))
  }
}

/// What ``Cell/backward(_:)`` reads and writes: one time step of one layer.
public struct CellBackward {
  /// `[B, G*H]`. Before: as forward left it. After: the gradient by `W_ih x + b_ih`.
  public let gates: Matrix
  /// `[B, G*H]`, the same memory as `gates` unless the cell keeps them apart; then after: the
  /// gradient by `W_hh h + b_hh`.
  public let hiddenGates: Matrix
  /// `[B, H]`, the states before and after the step.
  public let previousH: Matrix
  public let previousC: Matrix
  public let h: Matrix
  public let c: Matrix
  /// `[B, H]`. Before: the gradient by `h`. After: the part of the gradient by `previousH` that does
  /// not pass through `W_hh`.
  public let dH: Matrix
  /// `[B, H]`. Before: the gradient by `c`, from later steps only. After: the gradient by `previousC`.
  public let dC: Matrix

  /// The same for some of the streams.
  func of(_ streams: Range<Int>) -> CellBackward {
    CellBackward(
      gates: gates.rows(streams), hiddenGates: hiddenGates.rows(streams), previousH: previousH.rows(streams),
      previousC: previousC.rowsIfAny(streams), h: h.rows(streams), c: c.rowsIfAny(streams),
      dH: dH.rows(streams),
      dC: dC.rowsIfAny(streams))
  }
}

extension Matrix {
  /// The rows of `range`, or none of a matrix without rows, as a state has that the cell lacks.
  fileprivate func rowsIfAny(_ range: Range<Int>) -> Matrix { rows == 0 ? self : self.rows(range) }
}

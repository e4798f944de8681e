import Kernels

/// How the gradients of all ranks become one.
public enum ReduceMode: String, CaseIterable, Codable, Sendable {
  /// ``tree`` where the number of ranks allows, else ``mpi``.
  case auto
  /// Block by block along a balanced tree: the same bits on any number of ranks that divides the blocks.
  case tree
  /// One sum of MPI's over all ranks, in an order that MPI chooses.
  case mpi
}

extension TrainingConfig {
  /// Why gradients cannot be added up along the tree, or nil if they can.
  func reasonAgainstTree(ranks: Int) -> String? {
    if gemm.backend != .simd { return "OpenBLAS sums in an order of its own" }
    if !blocks.isMultiple(of: ranks) { return "\(ranks) ranks do not divide \(blocks) blocks (--blocks)" }
    return nil
  }
}

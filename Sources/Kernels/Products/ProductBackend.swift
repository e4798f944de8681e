/// What computes the products of matrices.
public enum ProductBackend: String, CaseIterable, Codable, Sendable {
  /// The kernels of this module: every element of a result sums its terms in a fixed order, so that its bits depend neither on
  /// the rows beside it nor on the host.
  case simd
  /// The system's library, whose order of summation depends on the sizes and on the host.
  case openblas

  /// The faster of the two on this build's target. Without fused multiply-add in hardware ``simd`` would call a function for each.
  public static var fastest: ProductBackend {
    #if CHARTRAIN_FUSED
      .simd
    #else
      .openblas
    #endif
  }
}

/// What a product is added to.
public enum ProductStart {
  case zero
  /// The same row `[columns]` for every row of the result.
  case bias(Vector)
  /// What the result holds already.
  case accumulating
}

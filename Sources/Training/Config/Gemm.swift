import Kernels

/// Which kernels a run asks for.
public enum Gemm: String, CaseIterable, Codable, Sendable {
  /// The faster ones on this build's target.
  case auto
  case openblas
  case simd

  public var backend: ProductBackend {
    switch self {
    case .auto: .fastest
    case .openblas: .openblas
    case .simd: .simd
    }
  }
}

/// The owner of `count` floats, zero at first, on a 64-byte boundary (a cache line, an AVX-512 register).
///
/// Its views (``Vector``, ``Matrix``) must not outlive it: keep both in the same object.
public struct FloatBuffer: ~Copyable {
  public static let alignment = 64
  /// Floats per alignment unit.
  public static let alignedFloats = alignment / MemoryLayout<Float>.stride

  public let count: Int
  @usableFromInline let base: UnsafeMutablePointer<Float>

  public init(count: Int) {
    precondition(count >= 0)
    let bytes = UnsafeMutableRawPointer.allocate(
      byteCount: max(count, 1) * MemoryLayout<Float>.stride, alignment: Self.alignment)
    base = bytes.bindMemory(to: Float.self, capacity: max(count, 1))
    base.initialize(repeating: 0, count: count)
    self.count = count
  }

  deinit {
    UnsafeMutableRawPointer(base).deallocate()
  }

  /// All elements.
  @inlinable
  public var elements: Vector { Vector(base: base, count: count) }
}

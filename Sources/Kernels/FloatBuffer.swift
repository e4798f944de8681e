import Glibc

/// The owner of `count` floats, zero at first, on a 64-byte boundary (a cache line, an AVX-512 register).
///
/// Its views (``Vector``, ``Matrix``) must not outlive it: keep both in the same object.
public struct FloatBuffer: ~Copyable {
  public static let alignment = 64
  /// Floats per alignment unit.
  public static let alignedFloats = alignment / MemoryLayout<Float>.stride

  public let count: Int
  @usableFromInline let base: UnsafeMutablePointer<Float>
  /// Whether the memory comes straight from the system, which gives large pieces page by page as they are touched.
  private let isMapped: Bool

  /// From this size on the system is asked for large pages: with small ones the processor looks up addresses all the time while it
  /// goes down the columns of a matrix.
  private static let mappedBytes = 1 << 21

  public init(count: Int) {
    precondition(count >= 0)
    let byteCount = max(count, 1) * MemoryLayout<Float>.stride
    isMapped = byteCount >= Self.mappedBytes
    let bytes = isMapped ? Self.map(byteCount) : Self.allocate(byteCount)
    base = bytes.bindMemory(to: Float.self, capacity: max(count, 1))
    self.count = count
  }

  deinit {
    if isMapped {
      munmap(base, Self.wholePages(max(count, 1) * MemoryLayout<Float>.stride))
    } else {
      UnsafeMutableRawPointer(base).deallocate()
    }
  }

  /// All elements.
  @inlinable
  public var elements: Vector { Vector(base: base, count: count) }

  private static func allocate(_ byteCount: Int) -> UnsafeMutableRawPointer {
    let bytes = UnsafeMutableRawPointer.allocate(byteCount: byteCount, alignment: alignment)
    bytes.initializeMemory(as: UInt8.self, repeating: 0, count: byteCount)
    return bytes
  }

  /// Zero pages of the system's, on a boundary of large pages.
  private static func map(_ byteCount: Int) -> UnsafeMutableRawPointer {
    let size = wholePages(byteCount)
    // With room to find the boundary in; the rest is given back.
    guard
      let region = mmap(nil, size + mappedBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
      region != MAP_FAILED
    else { fatalError("expected \(byteCount) bytes of memory, found none") }
    let start = UnsafeMutableRawPointer(bitPattern: wholePages(Int(bitPattern: region)))!
    if start > region { munmap(region, start - region) }
    let rest = mappedBytes - (start - region)
    if rest > 0 { munmap(start + size, rest) }
    madvise(start, size, MADV_HUGEPAGE)
    return start
  }

  private static func wholePages(_ byteCount: Int) -> Int {
    (byteCount + mappedBytes - 1) / mappedBytes * mappedBytes
  }
}

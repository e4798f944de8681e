/// Sixteen elements at once: what the element-wise kernels work on, whatever the width of the host's registers.
///
/// A host with narrower registers takes several for one of these; every lane goes through the same operations in the same
/// order, so that results do not depend on the host.
public typealias Lanes = SIMD16<Float>

/// `a * b + c`, rounded once where the target has an instruction for it (everything of recent years), else twice.
@inlinable @inline(__always)
public func multiplyAdd(_ a: Lanes, _ b: Lanes, _ c: Lanes) -> Lanes {
  #if CHARTRAIN_FUSED
    c.addingProduct(a, b)
  #else
    a * b + c
  #endif
}

@inlinable @inline(__always)
public func multiplyAdd(_ a: Lanes, _ b: Lanes, _ c: Float) -> Lanes {
  multiplyAdd(a, b, Lanes(repeating: c))
}

@inlinable @inline(__always)
public func multiplyAdd(_ a: Lanes, _ b: Float, _ c: Lanes) -> Lanes {
  multiplyAdd(a, Lanes(repeating: b), c)
}

@inlinable @inline(__always)
public func multiplyAdd(_ a: Lanes, _ b: Float, _ c: Float) -> Lanes {
  multiplyAdd(a, Lanes(repeating: b), Lanes(repeating: c))
}

extension Vector {
  /// The elements from `index` on; zero beyond the end.
  @inlinable @inline(__always)
  public func lanes(at index: Int) -> Lanes {
    guard index + Lanes.scalarCount <= count else {
      var lanes = Lanes.zero
      loadLast(&lanes, at: index)
      return lanes
    }
    return UnsafeRawPointer(base + index).loadUnaligned(as: Lanes.self)
  }

  /// Writes the elements from `index` on; lanes beyond the end go nowhere.
  @inlinable @inline(__always)
  public func store(_ lanes: Lanes, at index: Int) {
    guard index + Lanes.scalarCount <= count else {
      var lanes = lanes
      return storeLast(&lanes, at: index)
    }
    UnsafeMutableRawPointer(base + index).storeBytes(of: lanes, as: Lanes.self)
  }

  /// Where ``lanes(at:)`` and ``store(_:at:)`` go to reach every element once.
  @inlinable @inline(__always)
  public var laneStarts: StrideTo<Int> { stride(from: 0, to: count, by: Lanes.scalarCount) }

  /// One of `parts` consecutive parts of equal length.
  @inlinable
  public func part(_ index: Int, of parts: Int) -> Vector {
    let length = count / parts
    return slice(index * length..<(index + 1) * length)
  }

  // Lanes go to functions and come back in quarters, in which everything before and after would be computed: these take a place in memory.

  @usableFromInline @inline(never)
  func loadLast(_ lanes: inout Lanes, at index: Int) {
    for offset in 0..<count - index { lanes[offset] = base[index + offset] }
  }

  @usableFromInline @inline(never)
  func storeLast(_ lanes: inout Lanes, at index: Int) {
    for offset in 0..<count - index { base[index + offset] = lanes[offset] }
  }
}

// The typed forms of World's calls.

import Kernels

extension World {
  /// Replaces each element by its sum over all ranks.
  public func sum(_ values: inout [Double]) throws {
    try values.withUnsafeMutableBufferPointer { try sum($0) }
  }

  /// The value that rank 0 gives, on every rank; the other ranks' is ignored.
  public func broadcast<Value: BitwiseCopyable>(_ value: Value) throws -> Value {
    var value = value
    try withUnsafeMutableBytes(of: &value) { try broadcast($0) }
    return value
  }

  /// Replaces the values of all ranks by those of rank 0.
  public func broadcast(_ values: Vector) throws {
    try broadcast(values.bytes)
  }

  /// The bytes that rank 0 gives, however many, on every rank; the other ranks' are ignored.
  public func broadcast(_ array: [UInt8]) throws -> [UInt8] {
    let count = try broadcast(array.count)
    var result = isRoot ? array : [UInt8](repeating: 0, count: count)
    try result.withUnsafeMutableBytes { try broadcast($0) }
    return result
  }

  /// Every rank's value, in the order of ranks, on every rank.
  public func allGather<Value: BitwiseCopyable>(_ value: Value) throws -> [Value] {
    var all = [Value](repeating: value, count: size)
    // With the padding that a value in an array has.
    try [value].withUnsafeBytes { local in
      try all.withUnsafeMutableBytes { try allGather(local, into: $0) }
    }
    return all
  }

  /// Returns every rank's array, each of as many values.
  ///
  /// - Throws: `RankError`.
  public func allGather<Value: BitwiseCopyable>(_ values: [Value]) throws -> [[Value]] {
    guard let first = values.first else { return Array(repeating: [], count: size) }
    var all = [Value](repeating: first, count: values.count * size)
    try values.withUnsafeBytes { local in
      try all.withUnsafeMutableBytes { try allGather(local, into: $0) }
    }
    return (0..<size).map { Array(all[$0 * values.count..<($0 + 1) * values.count]) }
  }

  /// Gives each rank its part of rank 0's array and returns it; rank 0 gets an empty one, since it has the
  /// whole.
  ///
  /// - Parameters:
  ///   - whole: on rank 0; ignored on the others.
  ///   - parts: the part of each rank, the same on all ranks.
  public func scatter<Element: BitwiseCopyable & ExpressibleByIntegerLiteral>(
    _ whole: [Element], parts: [Range<Int>]
  ) throws -> [Element] {
    precondition(parts.count == size)
    guard isRoot else {
      var part = [Element](repeating: 0, count: parts[rank].count)
      try part.withUnsafeMutableBytes { try receive($0, from: 0) }
      return part
    }
    for other in 1..<max(1, size) {
      try whole[parts[other]].withUnsafeBytes { try send($0, to: other) }
    }
    return []
  }

  /// Collects every rank's bytes, however many each has, on rank 0; nil on the others.
  public func gatherBytes(_ local: [UInt8]) throws -> [[UInt8]]? {
    let counts = try allGather(local.count)
    guard isRoot else {
      try local.withUnsafeBytes { try send($0, to: 0) }
      return nil
    }
    return try counts.indices.map { rank in
      if rank == 0 { return local }
      var bytes = [UInt8](repeating: 0, count: counts[rank])
      try bytes.withUnsafeMutableBytes { try receive($0, from: rank) }
      return bytes
    }
  }

  /// Collects every rank's array on rank 0, one after the other; `counts` tells each one's length. The other
  /// ranks get an empty array.
  public func gather(_ local: [Float], counts: [Int]) throws -> [Float] {
    precondition(counts.count == size && local.count == counts[rank])
    guard isRoot else {
      try local.withUnsafeBytes { try send($0, to: 0) }
      return []
    }
    var all = local
    for other in 1..<max(1, size) {
      var part = [Float](repeating: 0, count: counts[other])
      try part.withUnsafeMutableBytes { try receive($0, from: other) }
      all += part
    }
    return all
  }
}

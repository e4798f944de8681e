/// A 64-bit FNV-1a hash over the bits of all elements, word by word: equal only (but for chance) if all bits are.
///
/// Source: Fowler, Noll, Vo, with 32-bit words in the place of bytes.
public func bitHash(_ vector: Vector) -> UInt64 {
  var hash: UInt64 = 0xCBF2_9CE4_8422_2325
  for index in 0..<vector.count {
    hash = (hash ^ UInt64(vector[index].bitPattern)) &* 0x0000_0100_0000_01B3
  }
  return hash
}

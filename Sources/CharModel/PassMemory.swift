import Kernels

/// Owns the buffers behind a pass's views.
final class PassMemory {
  private final class Block {
    let buffer: FloatBuffer
    init(count: Int) { buffer = FloatBuffer(count: count) }
  }

  private var blocks: [Block] = []

  /// A new zero matrix that lives as long as this object.
  func matrix(_ rows: Int, _ columns: Int) -> Matrix {
    let block = Block(count: rows * columns)
    blocks.append(block)
    return block.buffer.elements.matrix(rows: rows, columns: columns)
  }
}

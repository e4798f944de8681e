import Kernels

/// What layer 0 reads. A window has few different tokens, and what the embedding gives to the gates depends on the token alone:
/// it is computed once for each and looked up; backward, the gradients of equal tokens are added up first.
final class TokenInput {
  private let embedding: Matrix
  private let streams: Int
  /// The different tokens of the window, what they embed to `[U, E]`, and what that gives to the gates `[U, G*H]`.
  private var distinct: DistinctTokens
  private let embedded: Matrix
  private let gates: Matrix
  private let memory: PassMemory

  init(_ parameters: ParameterSet, streams: Int, capacity: Int) {
    let config = parameters.config
    let memory = PassMemory()
    embedding = parameters.embedding
    self.streams = streams
    distinct = DistinctTokens(vocabulary: config.vocabulary)
    // Backward each block has its own different tokens.
    embedded = memory.matrix(capacity * streams, config.embedding)
    gates = memory.matrix(capacity * streams, config.gateRows)
    self.memory = memory
  }

  /// Writes what `inputs` `[T, B]` give to the gates of `layer`.
  func forward(_ inputs: [UInt16], _ layer: LayerPass) {
    distinct.removeAll()
    for token in inputs { distinct.insert(token) }
    let count = embed()
    let table = gates.rows(0..<count)
    layer.project(embedded.rows(0..<count), into: table)
    let target = layer.inputGates(length: inputs.count / streams)
    for (row, token) in inputs.enumerated() {
      target.row(row).copy(from: table.row(distinct.place(of: token)))
    }
  }

  /// Given the gradient by what the input gave to the gates, writes that by the embedding and by the input's weights.
  func backward(
    _ inputs: [UInt16], _ layer: LayerPass, _ part: GradientPart, _ product: GradientProduct,
    _ sums: VectorStack
  ) {
    let length = inputs.count / streams
    let dGates = layer.dInputGates(length: length)
    distinct.removeAll()
    var blocks: [Range<Int>] = []
    blocks.reserveCapacity(part.streams.count)
    for block in part.streams {
      let first = distinct.tokens.count
      distinct.beginGroup()
      for t in 0..<length {
        for row in t * streams + block.lowerBound..<t * streams + block.upperBound {
          if distinct.insert(inputs[row]) {
            gates.row(distinct.tokens.count - 1).copy(from: dGates.row(row))
          } else {
            add(dGates.row(row), to: gates.row(distinct.place(of: inputs[row])))
          }
        }
      }
      blocks.append(first..<distinct.tokens.count)
    }
    let count = embed()
    let rows = RowBlocks(length: 1, streams: count, blocks: blocks, merges: part.merges)
    product.take(gates.rows(0..<count), rows)
    product.multiply(embedded.rows(0..<count), into: part.gradient.layers[0].inputWeight)

    let dEmbedded = embedded.rows(0..<count)
    layer.backProject(gates.rows(0..<count), into: dEmbedded)
    let width = embedding.columns
    sums.sum(merges: part.merges, into: part.gradient.embedding.elements) { block, partial in
      let partial = partial.matrix(rows: partial.count / width, columns: width)
      for row in blocks[block] { add(dEmbedded.row(row), to: partial.row(Int(distinct.tokens[row]))) }
    }
  }

  /// Looks up the different tokens' embeddings and returns how many there are.
  private func embed() -> Int {
    for (row, token) in distinct.tokens.enumerated() {
      embedded.row(row).copy(from: embedding.row(Int(token)))
    }
    return distinct.tokens.count
  }
}

/// Tokens in the order in which they first come up, each once in a group.
private struct DistinctTokens {
  private(set) var tokens: [UInt16] = []
  /// For each token of the vocabulary, where it was put last.
  private var places: [Int]
  private var groupStart = 0

  init(vocabulary: Int) { places = [Int](repeating: -1, count: vocabulary) }

  mutating func removeAll() {
    tokens.removeAll(keepingCapacity: true)
    for index in places.indices { places[index] = -1 }
    groupStart = 0
  }

  /// From here on tokens are put in again even if they have come up.
  mutating func beginGroup() { groupStart = tokens.count }

  /// Returns whether the token is new.
  @discardableResult
  mutating func insert(_ token: UInt16) -> Bool {
    guard places[Int(token)] < groupStart else { return false }
    places[Int(token)] = tokens.count
    tokens.append(token)
    return true
  }

  /// Where `token`, which is in, was put.
  func place(of token: UInt16) -> Int { places[Int(token)] }
}

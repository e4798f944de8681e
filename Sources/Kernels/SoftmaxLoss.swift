/// Negative log-likelihood of `targets` under the softmax of each row of `logits`, in nats: `losses[i]` for row `i`.
///
/// - Parameters:
///   - logits: `[N, V]`.
///   - targets: `[N]`, each below `V`.
///   - losses: at least `[N]`; the rest is left alone.
public func softmaxLoss(logits: Matrix, targets: [UInt16], losses: inout [Double]) {
  precondition(targets.count == logits.rows && losses.count >= logits.rows)
  for index in 0..<logits.rows {
    let row = logits.row(index)
    let largest = maximum(row)
    var sums = Lanes.zero
    for v in row.laneStarts { sums += shiftedExp(row, v, largest) }
    losses[index] = Double(log(sums.sum())) + Double(largest - row[Int(targets[index])])
  }
}

/// The same losses, and the gradient of their sum by the logits, times `scale`, in place of the logits:
/// `logits[i, v] = scale * (softmax(logits[i])[v] - (v == targets[i] ? 1 : 0))`.
public func softmaxLossAndGradient(
  inPlace logits: Matrix, targets: [UInt16], scale: Float, losses: inout [Double]
) {
  precondition(targets.count == logits.rows && losses.count >= logits.rows)
  for index in 0..<logits.rows {
    let row = logits.row(index)
    let target = Int(targets[index])
    let largest = maximum(row)
    let shiftedTarget = largest - row[target]
    var sums = Lanes.zero
    for v in row.laneStarts {
      let terms = shiftedExp(row, v, largest)
      sums += terms
      row.store(terms, at: v)
    }
    let sum = sums.sum()
    losses[index] = Double(log(sum)) + Double(shiftedTarget)
    let factor = scale / sum
    for v in row.laneStarts { row.store(row.lanes(at: v) * factor, at: v) }
    row[target] -= scale
  }
}

/// The largest element that is a number.
private func maximum(_ x: Vector) -> Float {
  precondition(x.count > 0)
  var largest = Lanes(repeating: -.infinity)
  let whole = x.count / Lanes.scalarCount * Lanes.scalarCount
  for index in stride(from: 0, to: whole, by: Lanes.scalarCount) {
    let lanes = x.lanes(at: index)
    largest.replace(with: lanes, where: lanes .> largest)
  }
  var result = largest.max()
  for index in whole..<x.count where x[index] > result { result = x[index] }
  return result
}

/// `exp(x - largest)` of sixteen elements; what lies beyond the end is no term.
@inline(__always)
private func shiftedExp(_ x: Vector, _ index: Int, _ largest: Float) -> Lanes {
  var terms = exp(x.lanes(at: index) - largest)
  for lane in max(0, min(Lanes.scalarCount, x.count - index))..<Lanes.scalarCount { terms[lane] = 0 }
  return terms
}

import Glibc

/// Negative log-likelihood of `targets` under the softmax of each row of `logits`, summed, in nats.
///
/// - Parameters:
///   - logits: `[N, V]`.
///   - targets: `[N]`, each below `V`.
public func softmaxLoss(logits: Matrix, targets: [UInt16]) -> Double {
  precondition(targets.count == logits.rows)
  var total = 0.0
  for index in 0..<logits.rows {
    let row = logits.row(index)
    total += logSumExp(row) - Double(row[Int(targets[index])])
  }
  return total
}

/// The same sum, and its gradient by the logits, times `scale`, in their place:
/// `logits[i, v] = scale * (softmax(logits[i])[v] - (v == targets[i] ? 1 : 0))`.
public func softmaxLossAndGradient(
  inPlace logits: Matrix, targets: [UInt16], scale: Float
) -> Double {
  precondition(targets.count == logits.rows)
  var total = 0.0
  for index in 0..<logits.rows {
    let row = logits.row(index)
    let target = Int(targets[index])
    let logNormaliser = logSumExp(row)
    total += logNormaliser - Double(row[target])
    let shift = Float(logNormaliser)
    for v in row.laneStarts { row.store(scale * exp(row.lanes(at: v) - shift), at: v) }
    row[target] -= scale
  }
  return total
}

/// `log(sum(exp(x)))` without overflow; the sum is taken in `Double`.
public func logSumExp(_ x: Vector) -> Double {
  precondition(x.count > 0)
  var largest = x[0]
  for index in 1..<x.count { largest = max(largest, x[index]) }
  var sums = SIMD16<Double>.zero
  for index in x.laneStarts {
    var terms = exp(x.lanes(at: index) - largest)
    // What lies beyond the end is no term.
    for lane in max(0, min(Lanes.scalarCount, x.count - index))..<Lanes.scalarCount { terms[lane] = 0 }
    sums += SIMD16<Double>(terms)
  }
  return Double(largest) + log(sums.sum())
}

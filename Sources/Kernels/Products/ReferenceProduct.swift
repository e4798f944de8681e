/// `c = a b`, or `c += a b`, in the plainest way, summed in `Double`: what the tests compare with.
public func referenceMultiply(_ a: Matrix, _ b: Matrix, into c: Matrix, accumulate: Bool = false) {
  precondition(a.columns == b.rows && c.rows == a.rows && c.columns == b.columns)
  for row in 0..<c.rows {
    for column in 0..<c.columns {
      var sum = accumulate ? Double(c[row, column]) : 0
      for inner in 0..<a.columns { sum += Double(a[row, inner]) * Double(b[inner, column]) }
      c[row, column] = Float(sum)
    }
  }
}

import CProcessor

/// Runs `body` with numbers taken as zero that are too small to be normal (below 1.2e-38).
///
/// A trained model has such numbers all the time: where a gate is shut or a character all but impossible, gradients are that small. Nothing depends on
/// them, but some processors take a hundred times as long for them. On every x86-64 they become zero in the same way, so that the bits of results do not
/// depend on the host.
public func withoutSubnormals<Result>(_ body: () throws -> Result) rethrows -> Result {
  let before = cprocessor_flush_subnormals()
  defer { cprocessor_restore(before) }
  return try body()
}

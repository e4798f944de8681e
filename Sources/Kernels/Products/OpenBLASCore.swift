import CProcessor

/// Whether OpenBLAS has chosen kernels for this processor, or far too old ones.
///
/// Where it does not know a processor, as Debian 12's does not know Intel's recent ones, it takes its kernels of 2004, at a third of
/// the speed. It chooses when the library is loaded; the environment variable ``variable`` can tell it what to choose.
public enum OpenBLASCore {
  public static let variable = "OPENBLAS_CORETYPE"

  /// The name of the kernels that it should have been told to take, or nil if its own choice is a good one.
  ///
  /// - Parameters:
  ///   - chosen: as OpenBLAS names it.
  ///   - level: the processor's level of x86-64, 0 for other kinds.
  public static func better(than chosen: String, level: Int) -> String? {
    let chosen = chosen.uppercased()
    if level == 4, !wide.contains(chosen), !fused.contains(chosen) { return "SKYLAKEX" }
    if level == 3, !fused.contains(chosen) { return "HASWELL" }
    return nil
  }

  /// The same for this process on this processor.
  public static var betterHere: String? { better(than: openBLASCoreName, level: Int(cprocessor_level())) }

  /// Its kernels with AVX-512 and those with AVX2.
  private static let wide: Set = ["SKYLAKEX", "COOPERLAKE", "SAPPHIRERAPIDS"]
  private static let fused: Set = ["HASWELL", "ZEN", "EXCAVATOR"]
}

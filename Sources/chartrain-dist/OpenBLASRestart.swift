import FoundationEssentials
import Glibc
import Kernels
import Ranks

/// Starts this program again, in the same process, with the kernels of OpenBLAS that suit the processor, where it has chosen
/// others; to be called before MPI starts, by commands that use OpenBLAS. Says so in one line.
func ensureOpenBLASCore() throws {
  let marker = "CHARTRAIN_OPENBLAS_RESTARTED"
  guard let better = OpenBLASCore.betterHere, getenv(marker) == nil else { return }
  if try Launch(environment: ProcessInfo.processInfo.environment).isRoot {
    Terminal.writeError(
      "chartrain-dist: OpenBLAS has chosen its kernels '\(openBLASCoreName)', slow on this processor: "
        + "starting again with '\(better)'")
  }
  setenv(OpenBLASCore.variable, better, 1)
  setenv(marker, "1", 1)
  var arguments: [UnsafeMutablePointer<CChar>?] = CommandLine.arguments.map { strdup($0) } + [nil]
  execv("/proc/self/exe", &arguments)
  // It could not be started again: it goes on as it is.
}

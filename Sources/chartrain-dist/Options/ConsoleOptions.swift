import ArgumentParser
import Training

/// How much a run says.
struct ConsoleOptions: ParsableArguments {
  @Flag(inversion: .prefixedNo, help: "Print nothing but warnings and errors. Default: no.")
  var quiet: Bool?

  @Flag(inversion: .prefixedNo, help: "Print more about what happens. Default: no.")
  var verbose: Bool?

  func validate() throws {
    if quiet == true, verbose == true {
      throw ValidationError("--quiet cannot be used with --verbose: expected one of them")
    }
  }

  func apply(to config: inout TrainingConfig) {
    config.quiet = quiet ?? config.quiet
    config.verbose = verbose ?? config.verbose
  }
}

import Foundation
import FuzzReaders
import TestSupport

// Fuzz READER [libFuzzer's options] [corpus]: feeds inputs that libFuzzer makes to the reader; see `Tests/Fuzz/run`.

/// libFuzzer's, in the runtime library that `--sanitize fuzzer` links.
@_silgen_name("LLVMFuzzerRunDriver")
func runFuzzer(
  _ count: UnsafeMutablePointer<CInt>,
  _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>>,
  _ test: @convention(c) (UnsafePointer<UInt8>?, Int) -> CInt
) -> CInt

let readers = UntrustedReader.allCases.map(\.rawValue).joined(separator: ", ")
guard CommandLine.arguments.count > 1, let reader = UntrustedReader(rawValue: CommandLine.arguments[1]) else {
  print("Fuzz: expected a reader, one of \(readers)")
  exit(64)
}
let directory = TemporaryDirectory()
let seeds = try Seeds.all(reader, directory)

// The seeds go into the corpus, the last argument, if there is one.
if let corpus = CommandLine.arguments.last, CommandLine.arguments.count > 2, !corpus.hasPrefix("-") {
  for (number, seed) in seeds.enumerated() {
    try Data(seed).write(to: URL(fileURLWithPath: "\(corpus)/seed-\(number)"))
  }
}

var count = CommandLine.argc - 1
var arguments = CommandLine.unsafeArgv + 1
arguments[0] = CommandLine.unsafeArgv[0]
exit(
  runFuzzer(&count, &arguments) { bytes, size in
    let input = Array(UnsafeBufferPointer(start: bytes, count: size))
    do { try reader.read(input, directory) } catch { fatalError("\(error)") }
    return 0
  })

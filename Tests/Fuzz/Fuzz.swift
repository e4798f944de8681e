import Foundation
import FuzzReaders
import TestSupport

// libFuzzer, which `--sanitize fuzzer` links, has the program's main function. `Tests/Fuzz/run` starts it.

/// What FUZZ_READER names.
private let reader: UntrustedReader = {
  let name = ProcessInfo.processInfo.environment["FUZZ_READER"] ?? ""
  guard let reader = UntrustedReader(rawValue: name) else {
    fatalError("FUZZ_READER: expected one of \(UntrustedReader.allCases.map(\.rawValue)), found '\(name)'")
  }
  return reader
}()
private let directory = TemporaryDirectory()

/// Puts the seeds into the directory FUZZ_CORPUS.
@_cdecl("LLVMFuzzerInitialize") public func initialise(
  _ count: UnsafeMutableRawPointer, _ arguments: UnsafeMutableRawPointer
) -> CInt {
  let corpus = ProcessInfo.processInfo.environment["FUZZ_CORPUS"] ?? "."
  do {
    for (number, seed) in try Seeds.all(reader, directory).enumerated() {
      try Data(seed).write(to: URL(fileURLWithPath: "\(corpus)/seed-\(number)"))
    }
  } catch { fatalError("\(error)") }
  return 0
}

@_cdecl("LLVMFuzzerTestOneInput") public func test(_ bytes: UnsafePointer<UInt8>?, _ size: Int) -> CInt {
  let input = Array(UnsafeBufferPointer(start: bytes, count: size))
  do { try reader.read(input, directory) } catch { fatalError("\(error)") }
  return 0
}

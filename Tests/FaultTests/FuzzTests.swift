import Foundation
import FuzzReaders
import TestSupport
import Testing

/// Inputs that are nearly as they should be, and those that have been found to do harm.
///
/// FUZZ_INPUTS says how many of each kind (2,000 unless told otherwise), FAULT_SEED which. `Tests/Fuzz/run` looks for more.
@Suite struct FuzzTests {
  private let directory = TemporaryDirectory()
  private static let environment = ProcessInfo.processInfo.environment
  private static let inputs = environment["FUZZ_INPUTS"].flatMap { Int($0) } ?? 2000
  private static let seed = environment["FAULT_SEED"].flatMap { UInt64($0) } ?? 1
  private static let finds = Outside.top + "/Tests/Fuzz/Finds"

  @Test(arguments: UntrustedReader.allCases)
  func whatIsNearlyRightDoesNoHarm(_ reader: UntrustedReader) throws {
    let seeds = try Seeds.all(reader, directory)
    for seed in seeds { #expect(try reader.read(seed, directory), "a seed is refused") }
    var mutator = Mutator(seed: Self.seed)
    var used = 0
    // A run costs more than the others.
    let inputs = reader == .run ? Self.inputs / 4 : Self.inputs
    for number in 0..<inputs {
      let input = mutator.next(seeds)
      // If the program dies of it, it is still there.
      directory.write("last-input", input)
      do { used += try reader.read(input, directory) ? 1 : 0 } catch {
        Issue.record("input \(number) of seed \(Self.seed): \(error): \(Data(input).base64EncodedString())")
      }
    }
    #expect(used > 0, "nothing was good enough to be used")
    #expect(used < inputs, "nothing was refused")
  }

  static let allFinds = UntrustedReader.allCases.flatMap { reader in
    let names = (try? FileManager.default.contentsOfDirectory(atPath: "\(finds)/\(reader)")) ?? []
    return names.sorted().map { (reader: reader, name: $0) }
  }

  @Test(arguments: allFinds)
  func whatWasFoundDoesNoHarm(_ find: (reader: UntrustedReader, name: String)) throws {
    let path = "\(Self.finds)/\(find.reader)/\(find.name)"
    let input = Array(try Data(contentsOf: URL(fileURLWithPath: path)))
    // The text that a run goes on with.
    _ = try Seeds.all(find.reader, directory)
    try find.reader.read(input, directory)
  }
}

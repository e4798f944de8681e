import Foundation
import Logging
import Ranks
import TestSupport
import Text
import Training

/// Inputs that are as they should be, from which others are made.
public enum Seeds {
  /// - Parameter directory: whose text a run of ``UntrustedReader/run`` goes on with; it must stay.
  /// - Throws: what making them throws.
  public static func all(_ reader: UntrustedReader, _ directory: TemporaryDirectory) throws -> [[UInt8]] {
    switch reader {
    case .checkpoint, .initialModel, .run:
      // An LSTM's has every tensor there can be; the others are smaller.
      let cells = reader == .run ? ["lstm"] : ["rnn", "lstm"]
      return try cells.flatMap { cell in
        let file = try checkpoint(cell: cell, directory)
        // Most changes to one with checksums are found by them, and lead no further.
        return [file, try withoutChecksums(file)]
      }
    case .text:
      return [
        [0] + Array("the cat\nsat on\r\na mat. ".utf8), [2] + Array("ÀÉİ ǅ straße Ω𝔘".utf8),
        [1] + Array(0...255), [0, 0xEF, 0xBB, 0xBF] + Array("marked".utf8), [63] + Array("ab\nab\n".utf8),
      ]
    case .config:
      let presets = try Preset.all.map { Array(try JSONEncoder().encode($0.config)) }
      let yaml = """
        train: &where a.txt
        valid: *where
        cell: gru
        layers: 2
        dropout: .5
        checkpointEvery: 10m
        phase:
        - {epochs: 3, lr: 1e-3, schedule: cosine, cycleLength: 1, cycleMult: 2}
        - {epochs: 1, lr: null, adam: fresh}
        """
      return presets + [Array(yaml.utf8), Array("epochs: 2\nlr: 0.1\nschedule: one-cycle\n".utf8)]
    }
  }

  private static func withoutChecksums(_ file: [UInt8]) throws -> [UInt8] {
    let end = 8 + file.prefix(8).reversed().reduce(0) { $0 << 8 | Int($1) }
    var header = try JSONSerialization.jsonObject(with: Data(file[8..<end])) as! [String: Any]
    let metadata = header["__metadata__"] as! [String: String]
    header["__metadata__"] = metadata.filter { !$0.key.lowercased().hasSuffix("checksum") }
    var json = Array(try JSONSerialization.data(withJSONObject: header, options: .sortedKeys))
    while json.count % 8 != 0 { json.append(UInt8(ascii: " ")) }
    let length = (0..<8).map { UInt8(truncatingIfNeeded: json.count >> (8 * $0)) }
    return length + json + file[end...]
  }

  private static func checkpoint(cell: String, _ directory: TemporaryDirectory) throws -> [UInt8] {
    var config = TrainingConfig()
    config.train = directory.write("seed.txt", String(repeating: "abba cab ", count: 8))
    config.cell = .init(named: cell)!
    config.hidden = 2
    config.embedding = 2
    config.bs = 2
    config.bptt = 3
    config.blocks = 2
    config.validFraction = 0.2
    config.phases = [Phase(epochs: 3, lr: 0.01)]
    config.maxSteps = 4
    config.sampleLength = 0
    config.averageDecay = cell == "lstm" ? 0.9 : nil
    config.runDir = directory.path("seed-\(cell)")
    _ = try ThreadWorld.run(size: 1) { [config] world in
      let logger = Logger(label: "") { _ in SwiftLogNoOpLogHandler() }
      return try TrainingRun(RunStart(config), world, SilentObserver(), logger).run()
    }
    let path = config.runDir! + "/checkpoints/last.safetensors"
    return Array(try Data(contentsOf: URL(fileURLWithPath: path)))
  }
}

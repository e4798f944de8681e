import Foundation
import Glibc
import TestSupport
import Testing

/// What TensorBoard reads of runs.
@Suite struct TensorBoardTests {
  private let small = SmallRuns()

  private struct Events: Decodable {
    let records: Int
    let scalars: [String: [[Double]]]
    let histograms: [String: [[Double]]]
    let settings: [String: JSONScalar]
    let texts: [String: [[JSONScalar]]]
  }

  private enum JSONScalar: Decodable, Equatable {
    case number(Double)
    case text(String)
    case flag(Bool)

    init(from decoder: any Decoder) throws {
      let container = try decoder.singleValueContainer()
      if let flag = try? container.decode(Bool.self) {
        self = .flag(flag)
      } else if let number = try? container.decode(Double.self) {
        self = .number(number)
      } else {
        self = .text(try container.decode(String.self))
      }
    }
  }

  @Test(
    .enabled(
      if: Outside.pythonWithTensorBoard != nil, "no Python with TensorBoard: launch/pytorch installs one"),
    arguments: [1, 3])
  func tensorBoardReadsTheEventFiles(ranks: Int) throws {
    try small.train(
      "run", ["--histograms", "--blocks", "6", "--dropout", "0.25", "--layers", "2"],
      ranks: ranks)
    // It goes on: a second file.
    let more = try small.run(["--resume", "run", "--epochs", "3", "--quiet"], ranks: ranks)
    #expect(more.status == 0, "\(more.errors)")
    let outcome = try Program.run(
      [
        Outside.pythonWithTensorBoard!, Outside.top + "/Tests/Golden/check_events.py",
        small.directory.path("run"),
      ])
    #expect(outcome.status == 0, "\(outcome.errors)")
    let events = try JSONDecoder().decode(Events.self, from: Data(outcome.output.utf8))
    let epochs = try small.metrics("run").filter { $0["kind"] as? String == "epoch" }
    #expect(epochs.count == 3)
    let losses = events.scalars["loss/validation"]
    #expect(losses?.count == 3)
    for (found, epoch) in zip(losses ?? [], epochs) {
      #expect(found[0] == (epoch["step"] as? Double))
      #expect(abs(found[1] - (epoch["validLoss"] as! Double)) < 1e-6)
    }
    let bits = events.scalars["bits_per_character/validation"]
    #expect(bits?.count == 3)
    for (found, loss) in zip(bits ?? [], losses ?? []) { #expect(abs(found[1] - loss[1] / log(2)) < 1e-5) }
    let phases = ["text", "embed", "forward", "loss", "backward", "reduce", "optimizer"]
    for phase in phases { #expect(events.scalars["seconds_of_epoch/\(phase)"]?.count == 3, "\(phase)") }
    for tag in [
      "loss/train", "loss/step", "rate/learning_rate", "gradient/norm",
      "speed/characters_per_second", "speed/characters_per_second_of_epoch",
    ] {
      #expect(events.scalars[tag]?.isEmpty == false, "\(tag)")
    }
    // However seldom steps are written, those with which the two processes ended are.
    let written = Set(events.scalars["loss/train"]?.map { $0[0] } ?? [])
    for epoch in epochs[1...] { #expect(written.contains(epoch["step"] as! Double), "\(written)") }
    // Every element once, whoever has it.
    #expect(
      events.histograms["weights/rnn.weight_hh_l1"]?.map { $0[1] }
        == [3, 3, 3].map { gates in gates * 24 * 24 })
    #expect(events.histograms["gradients/l_out.bias"]?.count == 3)
    #expect(events.settings["dropout"] == .number(0.25))
    #expect(events.settings["cell"] == .text("gru"))
    #expect(events.settings["ranks"] == .number(Double(ranks)))
    #expect(events.settings["phases"] == .text("2 epochs at 0.003"), "\(events.settings)")
    #expect(events.texts["sample"]?.count == 3, "\(events.texts)")
  }

  @Test(
    .enabled(
      if: Outside.pythonWithTensorBoard != nil, "no Python with TensorBoard: launch/pytorch installs one"))
  func tensorBoardReadsADebugRunsToo() throws {
    let debug = try small.run([
      "debug", "--ranks", "2", "--run-dir", "run", "--train", "text.txt", "--hidden", "8", "--bs", "8",
      "--max-steps", "4", "--quiet",
    ])
    #expect(debug.status == 0, "\(debug.errors)")
    let outcome = try Program.run(
      [
        Outside.pythonWithTensorBoard!, Outside.top + "/Tests/Golden/check_events.py",
        small.directory.path("run"),
      ])
    let events = try JSONDecoder().decode(Events.self, from: Data(outcome.output.utf8))
    #expect(events.scalars["loss/validation"]?.count == 1, "\(outcome.errors)")
  }

  @Test func eventFilesAreThereUnlessTheyAreUnwanted() throws {
    for (name, options, count) in [("a", ["--tensorboard"], 1), ("b", [], 1), ("c", ["--no-tensorboard"], 0)]
    {
      try small.train(name, ["--max-steps", "2"] + options)
      let files = try FileManager.default.contentsOfDirectory(atPath: small.directory.path(name))
      #expect(files.count { $0.hasPrefix("events.out.tfevents.") } == count, "\(options)")
    }
  }
}

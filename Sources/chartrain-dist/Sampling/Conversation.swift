import CSignals
import Training

/// A user and a model who write in turn: each line that the user types goes on as the model likes; after an empty line, what it has written does.
struct Conversation {
  /// The sampler that goes on from a text, the number of times that one was asked for before.
  let sampler: (_ line: String, _ number: Int) throws -> (Sampler, prime: [UInt16])
  let newText: () -> SampleText
  /// The characters of one turn of the model's.
  let length: Int

  func run() throws {
    let editor = LineEditor()
    var number = 0
    var current: Sampler?
    while let line = editor.line(prompt: "> ") {
      var text = newText()
      if !line.isEmpty {
        let (sampler, prime) = try sampler(line, number)
        current = sampler
        number += 1
        for token in prime { Terminal.write(text.give(token)) }
      }
      if let current { letWrite(current, &text) }
    }
    Terminal.write("\n")
  }

  /// Until SIGINT, at most.
  private func letWrite(_ sampler: Sampler, _ text: inout SampleText) {
    csignals_hold_interrupt()
    defer { csignals_release_interrupt() }
    for _ in 0..<length {
      if text.isOver || csignals_was_interrupted() != 0 { break }
      Terminal.write(text.add(sampler.next()[0]))
    }
    Terminal.write(text.flush() + Array("\n".utf8))
  }
}

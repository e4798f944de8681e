import Foundation
import TestSupport
import Testing

/// Models that go to PyTorch and ONNX, and come from PyTorch.
@Suite struct ExchangeTests {
  private let directory = TemporaryDirectory()
  private let checkpoint = "run/checkpoints/best.safetensors"

  init() throws {
    directory.write("text.txt", String(repeating: "Größe ist relativ, sagte er. ", count: 200))
    let outcome = try run([
      "--run-dir", "run", "--train", "text.txt", "--hidden", "24", "--layers", "2", "--cell", "lstm", "--bs",
      "8", "--epochs", "12", "--lr", "0.02", "--lowercase", "--quiet",
    ])
    #expect(outcome.status == 0, "\(outcome.errors)")
  }

  private func run(_ arguments: [String]) throws -> Program.Outcome {
    try Program.run("chartrain-dist", arguments, currentDirectory: directory.path)
  }

  @Test func exportedModelsEvaluateTheSame() throws {
    #expect(try run(["export", "--checkpoint", checkpoint, "--to", "model.safetensors"]).status == 0)
    let arguments = ["eval", "--data", "text.txt", "--json", "--checkpoint"]
    #expect(try run(arguments + ["model.safetensors"]).output == run(arguments + [checkpoint]).output)
    let refused = try run(["export", "--checkpoint", checkpoint, "--to", "model.pt"])
    #expect(refused.status == 64)
    try FileManager.default.copyItem(
      atPath: directory.path("model.safetensors"), toPath: directory.path("same.safetensors"))
    #expect(
      try run(["export", "--checkpoint", "same.safetensors", "--to", "./same.safetensors"]).status == 64)
  }

  /// The logits and states that PyTorch has with the same parameters.
  @Test(
    .enabled(if: Outside.pythonWithONNX != nil, "no Python with ONNX Runtime: launch/pytorch installs one"),
    arguments: [("rnn", 1), ("gru", 1), ("gru", 2), ("lstm", 1), ("lstm", 3)])
  func onnxRuntimeRunsWhatIsExported(cell: String, layers: Int) throws {
    let name = "\(cell)-\(layers)"
    let trained = try run([
      "--run-dir", name, "--train", "text.txt", "--hidden", "20", "--layers", "\(layers)", "--cell", cell,
      "--bs", "8", "--max-steps", "30", "--lr", "0.02", "--lowercase", "--quiet",
    ])
    #expect(trained.status == 0, "\(trained.errors)")
    for suffix in ["onnx", "safetensors"] {
      #expect(try run(["export", "--checkpoint", name, "--to", "\(name).\(suffix)"]).status == 0)
    }
    let outcome = try Program.run(
      [
        Outside.pythonWithONNX!, Outside.top + "/Tests/Golden/check_onnx.py", "\(name).onnx",
        "\(name).safetensors",
      ], currentDirectory: directory.path)
    let difference = Double(outcome.output.trimmingCharacters(in: .whitespacesAndNewlines))
    #expect(try #require(difference, "\(outcome.errors)") < 1e-4)
  }

  /// As it stands in docs/checkpoint-format.md.
  @Test(.enabled(if: Outside.pythonWithPyTorch != nil, "no Python with PyTorch: launch/pytorch installs one"))
  func theExampleInTheDocsSamples() throws {
    let page = try String(contentsOfFile: Outside.top + "/docs/checkpoint-format.md", encoding: .utf8)
    let start = try #require(page.range(of: "```python\n")?.upperBound)
    let end = try #require(page[start...].range(of: "```\n")?.lowerBound)
    directory.write("example.py", String(page[start..<end]))
    try FileManager.default.createDirectory(atPath: directory.path("runs"), withIntermediateDirectories: true)
    try FileManager.default.copyItem(atPath: directory.path("run"), toPath: directory.path("runs/my-run"))
    let outcome = try Program.run(
      [Outside.pythonWithPyTorch!, "example.py"], currentDirectory: directory.path)
    #expect(outcome.status == 0, "\(outcome.errors)")
    // What the model has learnt comes whatever it begins with.
    #expect(outcome.output.hasPrefix("the ") && outcome.output.contains("relativ"), "\(outcome.output)")
    #expect(outcome.output.count > 200)
  }

  /// The other way round of the golden numbers: PyTorch takes our file as it is and finds the same loss.
  @Test(
    .enabled(if: Outside.pythonWithPyTorch != nil, "no Python with PyTorch: launch/pytorch installs one"),
    arguments: ["rnn", "gru", "lstm"])
  func pyTorchLoadsOurFiles(cell: String) throws {
    let trained = try run([
      "--run-dir", cell, "--train", "text.txt", "--hidden", "20", "--layers", "3", "--cell", cell, "--bs",
      "8",
      "--max-steps", "30", "--lowercase", "--quiet",
    ])
    #expect(trained.status == 0, "\(trained.errors)")
    let file = "\(cell)/checkpoints/last.safetensors"
    let ours = try run(["eval", "--checkpoint", file, "--data", "text.txt", "--json"])
    let theirs = try Program.run(
      [
        Outside.pythonWithPyTorch!, Outside.top + "/Tests/Golden/check_checkpoint.py", file, "text.txt", "8",
      ], currentDirectory: directory.path)
    #expect(theirs.status == 0, "\(theirs.errors)")
    func report(_ outcome: Program.Outcome) throws -> [String: Double] {
      try JSONDecoder().decode([String: Double].self, from: Data(outcome.output.utf8))
    }
    let (ourReport, theirReport) = (try report(ours), try report(theirs))
    #expect(ourReport["characters"] == theirReport["characters"])
    let (found, expected) = (ourReport["natsPerCharacter"]!, theirReport["natsPerCharacter"]!)
    #expect(abs(found - expected) < 1e-5 * expected, "\(found), PyTorch \(expected)")
  }

  /// A model that PyTorch has made, with nothing beside it, is what a run begins with, bit for bit.
  @Test(
    .enabled(if: Outside.pythonWithPyTorch != nil, "no Python with PyTorch: launch/pytorch installs one"),
    arguments: ["rnn", "gru", "lstm"])
  func aRunBeginsWithAModelOfPyTorch(cell: String) throws {
    // As many characters as that of the text: the letters in lower case and the marks, with the two entries that are no characters.
    let vocabulary = 2 + Set("größe ist relativ, sagte er. ".unicodeScalars).count
    directory.write(
      "make.py",
      """
      import sys
      sys.path.append("\(Outside.top)/Tests/Golden")
      import torch
      from notebook_model import NotebookModel
      from safetensors.torch import load_file, save_file
      torch.manual_seed(3)
      model = NotebookModel("\(cell)", \(vocabulary), 42, 20, 2).state_dict()
      if sys.argv[1:]:
          ours = load_file(sys.argv[1])
          assert all(torch.equal(ours[name], value) for name, value in model.items())
      else:
          save_file(model, "made.safetensors")
      """)
    func python(_ more: [String]) throws {
      let outcome = try Program.run(
        [Outside.pythonWithPyTorch!, "make.py"] + more, currentDirectory: directory.path)
      #expect(outcome.status == 0, "\(outcome.errors)")
    }
    try python([])
    // A step that is too small to change anything.
    let begun = try run([
      "--run-dir", "begun", "--train", "text.txt", "--lowercase", "--bs", "8", "--max-steps", "1", "--lr",
      "1e-30", "--init", "made.safetensors", "--quiet",
    ])
    #expect(begun.status == 0, "\(begun.errors)")
    try python(["begun/checkpoints/last.safetensors"])
  }
}

import CharModel
import Kernels
import ONNX
import Storage
import Training

/// Writes the model alone as an ONNX graph, with the operators of the standard that PyTorch's layers have too.
///
/// Inputs: `tokens` `[T, B]`, whole numbers, and the state `h0` `[L, B, H]` (an LSTM's `c0` as well). Outputs: `logits` `[T, B, V]` and the new
/// state `h` (and `c`). The vocabulary is in the metadata as in our own files.
///
/// Source: https://onnx.ai/onnx/operators, version 17.
///
/// - Throws: `StorageError`; what was at `path` before is then untouched.
func writeONNX(to path: String, _ parameters: ParameterSet, like checkpoint: Checkpoint) throws {
  let file = try ONNXGraph(parameters).file(
    producer: "chartrain-dist", version: programVersion, metadata: checkpoint.modelMetadata)
  try writeAtomically(to: path) { output in try file.withUnsafeBytes { try output.write($0) } }
}

extension ONNXGraph {
  fileprivate init(_ parameters: ParameterSet) {
    self.init(name: "chartrain")
    let model = parameters.config
    let cell = model.cell.cell
    let states = cell.hasMemory ? ["h", "c"] : ["h"]
    let state: [Dimension] = [.fixed(model.layers), .named("streams"), .fixed(model.hidden)]
    add(input: "tokens", .int64, [.named("time"), .named("streams")])
    for name in states { add(input: name + "0", .float, state) }
    add(output: "logits", .float, [.named("time"), .named("streams"), .fixed(model.vocabulary)])
    for name in states { add(output: name, .float, state) }

    let tensors = Dictionary(uniqueKeysWithValues: parameters.layout.tensors.map { ($0.name, $0) })
    func values(_ name: String) -> [Float] { parameters.elements(of: tensors[name]!).array }
    add(constant: "embedding", shape: [model.vocabulary, model.embedding], values("e.weight"))
    add(node: "Gather", ["embedding", "tokens"], to: ["embedded"])
    let layers = 0..<model.layers
    for name in states where model.layers > 1 {
      add(node: "Split", [name + "0"], to: layers.map { "\(name)0_\($0)" }, [("axis", 0)])
    }
    add(constant: "direction", [1])

    var input = "embedded"
    for k in layers {
      let gates = model.gateRows
      /// The rows of each gate, in ONNX's order.
      func reordered(_ name: String) -> [Float] {
        let whole = values(name)
        let size = whole.count / cell.gateCount
        return cell.gatesInONNX.flatMap { whole[$0 * size..<($0 + 1) * size] }
      }
      let constants = ["W_\(k)", "R_\(k)", "B_\(k)"]
      add(
        constant: constants[0], shape: [1, gates, model.inputWidth(layer: k)],
        reordered("rnn.weight_ih_l\(k)"))
      add(constant: constants[1], shape: [1, gates, model.hidden], reordered("rnn.weight_hh_l\(k)"))
      add(
        constant: constants[2], shape: [1, 2 * gates],
        reordered("rnn.bias_ih_l\(k)") + reordered("rnn.bias_hh_l\(k)"))
      func of(_ name: String, _ suffix: String) -> String {
        model.layers > 1 ? "\(name)\(suffix)_\(k)" : name + suffix
      }
      var attributes = [("hidden_size", model.hidden)]
      if cell.keepsHiddenGatesApart { attributes.append(("linear_before_reset", 1)) }
      add(
        node: cell.name.uppercased(), [input] + constants + [""] + states.map { of($0, "0") },
        to: ["directed_\(k)"] + states.map { of($0, "") }, attributes)
      add(node: "Squeeze", ["directed_\(k)", "direction"], to: ["hidden_\(k)"])
      input = "hidden_\(k)"
    }
    for name in states where model.layers > 1 {
      add(node: "Concat", layers.map { "\(name)_\($0)" }, to: [name], [("axis", 0)])
    }
    add(constant: "output_weight", shape: [model.vocabulary, model.hidden], values("l_out.weight"))
    add(node: "Transpose", ["output_weight"], to: ["output_columns"])
    add(node: "MatMul", [input, "output_columns"], to: ["products"])
    add(constant: "output_bias", shape: [model.vocabulary], values("l_out.bias"))
    add(node: "Add", ["products", "output_bias"], to: ["logits"])
  }
}

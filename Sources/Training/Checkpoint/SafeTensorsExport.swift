import CharModel
import Kernels
import SafeTensors

/// Writes the model alone, as `export` does.
///
/// - Throws: `StorageError`; what was at `path` before is then untouched.
public func writeModel(to path: String, _ parameters: ParameterSet, like checkpoint: Checkpoint) throws {
  let tensors = parameters.outputTensors(prefix: "")
  var metadata = checkpoint.file.header.metadata
  metadata[CheckpointFormat.progressKey] = nil
  CheckpointFormat.addChecksums(to: &metadata, of: tensors)
  try writeSafeTensors(to: path, metadata: metadata, tensors: tensors)
}

extension ParameterSet {
  func outputTensors(prefix: String) -> [OutputTensor] {
    layout.tensors.map {
      OutputTensor(name: prefix + $0.name, shape: $0.shape, values: elements(of: $0))
    }
  }
}

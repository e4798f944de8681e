import CharModel
import Kernels
import Ranks
import SafeTensors
import Text

/// Writes the model alone, as `export` does.
///
/// - Throws: `StorageError`; what was at `path` before is then untouched.
public func writeModel(to path: String, _ parameters: ParameterSet, like checkpoint: Checkpoint) throws {
  let tensors = parameters.outputTensors(prefix: "")
  var metadata = checkpoint.file.header.metadata
  metadata[CheckpointFormat.progressKey] = nil
  metadata[CheckpointFormat.checksumKey] = dataChecksum(of: tensors).text
  try writeSafeTensors(to: path, metadata: metadata, tensors: tensors)
}

extension Trainer {
  /// Writes a training checkpoint. For rank 0.
  ///
  /// - Throws: `StorageError`; what was at `path` before is then untouched.
  public func writeCheckpoint(
    to path: String, _ states: CollectedStates, _ vocabulary: Vocabulary
  ) throws {
    var tensors = parameterSets.flatMap { $0.set.outputTensors(prefix: $0.prefix) }
    let shape = [model.layers, config.bs, model.hidden]
    tensors.append(OutputTensor(name: CheckpointFormat.stateH, shape: shape, values: states.global.h))
    if model.cell.cell.hasMemory {
      tensors.append(OutputTensor(name: CheckpointFormat.stateC, shape: shape, values: states.global.c))
    }
    try writeSafeTensors(
      to: path,
      metadata: [
        CheckpointFormat.versionKey: CheckpointFormat.version,
        CheckpointFormat.configKey: try JSON.line(config),
        CheckpointFormat.vocabularyKey: try JSON.line(vocabulary.strings),
        CheckpointFormat.progressKey: try JSON.line(progress),
        CheckpointFormat.checksumKey: dataChecksum(of: tensors).text,
      ],
      tensors: tensors)
  }
}

extension ParameterSet {
  func outputTensors(prefix: String) -> [OutputTensor] {
    layout.tensors.map {
      OutputTensor(name: prefix + $0.name, shape: $0.shape, values: elements(of: $0))
    }
  }
}

import CharModel
import Kernels
import SafeTensors
import Text

/// A training checkpoint in memory: all that a file of it will hold, as it was when it was taken.
///
/// One thread uses it at a time, which is why it may call itself Sendable: see ``CheckpointWriter``.
final class CheckpointSnapshot: @unchecked Sendable {
  private var tensors: [OutputTensor] = []
  private var metadata: [String: String] = [:]
  /// All tensors, one after the other.
  private var memory: FloatBuffer
  private(set) var progress = Progress()

  init() { memory = FloatBuffer(count: 0) }

  /// Takes the place of what it held before.
  ///
  /// - Parameter states: of all ranks.
  func take(_ trainer: Trainer, _ states: CollectedStates, _ vocabulary: Vocabulary) throws {
    let contents = trainer.checkpointTensors(states)
    let count = contents.reduce(0) { $0 + $1.values.count }
    if memory.count != count { memory = FloatBuffer(count: count) }
    var next = 0
    tensors = contents.map { tensor in
      let copy = memory.elements.slice(next..<next + tensor.values.count)
      copy.copy(from: tensor.values)
      next += tensor.values.count
      return OutputTensor(name: tensor.name, shape: tensor.shape, values: copy)
    }
    metadata = try trainer.checkpointMetadata(vocabulary)
    progress = trainer.progress
  }

  /// Whether the parameters are numbers, the trained ones and their average.
  var isFinite: Bool {
    tensors.filter { CheckpointFormat.isParameter($0.name) }.allSatisfy { norm($0.values).isFinite }
  }

  /// - Parameter kept: a name that the file which was there before gets, if it can have a second one.
  /// - Throws: `StorageError`; what was at `path` before is then untouched.
  func write(to path: String, keepingOldAs kept: String? = nil) throws {
    var metadata = metadata
    CheckpointFormat.addChecksums(to: &metadata, of: tensors)
    try writeSafeTensors(to: path, keepingOldAs: kept, metadata: metadata, tensors: tensors)
  }
}

extension Trainer {
  /// What a training checkpoint holds.
  fileprivate func checkpointTensors(_ states: CollectedStates) -> [OutputTensor] {
    var tensors = parameterSets.flatMap { $0.set.outputTensors(prefix: $0.prefix) }
    let shape = CheckpointFormat.stateShape(model, streams: config.bs)
    tensors.append(OutputTensor(name: CheckpointFormat.stateH, shape: shape, values: states.global.h))
    if model.cell.cell.hasMemory {
      tensors.append(OutputTensor(name: CheckpointFormat.stateC, shape: shape, values: states.global.c))
    }
    return tensors
  }

  /// Without the checksums.
  fileprivate func checkpointMetadata(_ vocabulary: Vocabulary) throws -> [String: String] {
    [
      CheckpointFormat.versionKey: CheckpointFormat.version,
      CheckpointFormat.configKey: try JSON.line(config),
      CheckpointFormat.vocabularyKey: try JSON.line(vocabulary.strings),
      CheckpointFormat.progressKey: try JSON.line(progress),
    ]
  }
}

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
  /// Collects on rank 0 what a checkpoint needs from the other ranks: their streams' hidden states.
  ///
  /// - Returns: on rank 0, nil on the others.
  /// - Throws: `RankError`.
  public func collectStates() throws -> CollectedStates? {
    let shards = (0..<world.size).map {
      StreamSplit.shard(streams: config.bs, rank: $0, ranks: world.size)
    }
    let h = try world.gather(
      state.h.array, counts: shards.map { $0.count * model.layers * model.hidden })
    let c = try world.gather(
      state.c.array, counts: shards.map { state.c.count == 0 ? 0 : $0.count * model.layers * model.hidden })
    return world.isRoot ? CollectedStates(model, shards, h: h, c: c) : nil
  }

  /// Writes a training checkpoint. For rank 0.
  ///
  /// - Throws: `StorageError`; what was at `path` before is then untouched.
  public func writeCheckpoint(
    to path: String, _ states: CollectedStates, _ vocabulary: Vocabulary
  ) throws {
    var tensors =
      parameters.outputTensors(prefix: "")
      + adam.firstMoment.outputTensors(prefix: CheckpointFormat.firstMomentPrefix)
      + adam.secondMoment.outputTensors(prefix: CheckpointFormat.secondMomentPrefix)
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

/// The hidden states of all streams of all ranks.
public final class CollectedStates {
  /// `[L, B, H]` over the global B.
  let global: HiddenState

  /// - Parameters:
  ///   - shards: each rank's streams.
  ///   - h: each rank's `[L, B, H]` over its own B, one after the other; `c` likewise, or empty.
  init(_ model: ModelConfig, _ shards: [Range<Int>], h: [Float], c: [Float]) {
    global = HiddenState(model, streams: shards.last!.upperBound)
    func place(_ values: [Float], in target: (Int) -> Matrix) {
      var next = 0
      for shard in shards {
        for layer in 0..<model.layers {
          let rows = target(layer).rows(shard).elements
          rows.copy(from: Array(values[next..<next + rows.count]))
          next += rows.count
        }
      }
    }
    place(h) { global.h(layer: $0) }
    if !c.isEmpty { place(c) { global.c(layer: $0) } }
  }
}

extension ParameterSet {
  func outputTensors(prefix: String) -> [OutputTensor] {
    layout.tensors.map {
      OutputTensor(name: prefix + $0.name, shape: $0.shape, values: elements(of: $0))
    }
  }
}

import CharModel
import Kernels
import Ranks
import SafeTensors
import Text

extension Trainer {
  /// Takes up where a training checkpoint left off: parameters, moments, hidden states and progress, whatever the
  /// number of ranks that wrote it.
  ///
  /// - Parameters:
  ///   - checkpoint: on rank 0; the others take it from there.
  ///   - epochsOfLastPhase: those that it had when the checkpoint was written, where it may have more now.
  /// - Throws: `AgreedFailure` on all ranks if it is no training checkpoint of this run and text; `RankError`.
  func restore(_ checkpoint: Checkpoint?, _ text: SharedText, epochsOfLastPhase: Int? = nil) throws {
    let global = try world.onRoot("reading the checkpoint") {
      () -> (progress: Progress, states: CollectedStates) in
      let checkpoint = checkpoint!
      let root = text.root!
      func refuse(_ expected: String, _ found: String) -> CheckpointError {
        CheckpointError(path: checkpoint.file.path, expected: expected, found: found)
      }
      guard var progress = checkpoint.progress else { throw refuse("a training checkpoint", "a model alone") }
      if let epochsOfLastPhase { progress.reopenLastPhase(of: config.phases, epochs: epochsOfLastPhase) }
      guard progress.epoch <= config.epochs else {
        throw OptionError(
          option: "epochs", expected: "at least the \(progress.epoch) that the run has made",
          found: "\(config.epochs)")
      }
      guard progress.fits(config.phases, columns: text.split.columns) else {
        throw refuse("a progress that a run of its config can have made", "another")
      }
      guard checkpoint.vocabulary == root.vocabulary, progress.text == root.fingerprint else {
        throw OptionError(
          option: "train",
          expected: "the text that the run was trained on, or --valid the one it was validated on",
          found: "another in \(config.trainSource.name)")
      }
      guard checkpoint.model == model else { throw refuse("the model of its config", "another") }
      for (set, prefix) in parameterSets {
        for tensor in set.layout.tensors {
          try checkpoint.read(prefix + tensor.name, tensor.shape, into: set.elements(of: tensor))
        }
      }
      let states = CollectedStates(model, shards)
      let shape = CheckpointFormat.stateShape(model, streams: config.bs)
      try checkpoint.read(CheckpointFormat.stateH, shape, into: states.global.h)
      if model.cell.cell.hasMemory {
        try checkpoint.read(CheckpointFormat.stateC, shape, into: states.global.c)
      }
      return (progress, states)
    }
    for (set, _) in parameterSets { try world.broadcast(set.flat) }
    try distributeStates(global?.states)
    let json = try world.broadcast(Array(try JSON.line(global?.progress).utf8))
    progress = try JSON.decode(Progress.self, from: String(decoding: json, as: UTF8.self))
    adam.stepCount = progress.adamStep
  }

  /// The parameters, Adam's moments and the average, with the prefixes of their names in a checkpoint. The model that others read
  /// from the file is the one without a prefix.
  var parameterSets: [(set: ParameterSet, prefix: String)] {
    let sets = (average.map { [$0.parameters] } ?? []) + [parameters, adam.firstMoment, adam.secondMoment]
    return zip(sets, CheckpointFormat.prefixes(isAveraged: average != nil)).map { (set: $0, prefix: $1) }
  }
}

extension Checkpoint {
  /// Whether a run can go on from here, as far as that can be told without its text.
  ///
  /// - Throws: ``CheckpointError``, `SafeTensorsError`.
  func checkGoesOn() throws {
    func refuse(_ expected: String, _ found: String) -> CheckpointError {
      CheckpointError(path: file.path, expected: expected, found: found)
    }
    guard let progress else { throw refuse("a training checkpoint", "a model alone") }
    let config: TrainingConfig
    do { config = try JSON.decode(TrainingConfig.self, from: configText ?? "") } catch let error
      as DecodingError
    {
      throw refuse("a config that can be", error.summary)
    }
    guard progress.fits(config.phases, columns: .max) else {
      throw refuse("a progress that a run of its config can have made", "another")
    }
    for prefix in CheckpointFormat.prefixes(isAveraged: config.averageDecay != nil) {
      for tensor in ParameterLayout(model).tensors { _ = try file.find(prefix + tensor.name, tensor.shape) }
    }
    let shape = CheckpointFormat.stateShape(model, streams: config.bs)
    _ = try file.find(CheckpointFormat.stateH, shape)
    if model.cell.cell.hasMemory { _ = try file.find(CheckpointFormat.stateC, shape) }
  }
}

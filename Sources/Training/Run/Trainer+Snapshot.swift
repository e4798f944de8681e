extension Trainer {
  /// All that training changes.
  struct Snapshot {
    fileprivate let sets: [[Float]]
    fileprivate let h: [Float]
    fileprivate let c: [Float]
    fileprivate let adamStep: Int
    fileprivate let progress: Progress
  }

  func snapshot() -> Snapshot {
    Snapshot(
      sets: parameterSets.map(\.set.values), h: state.h.array, c: state.c.array, adamStep: adam.stepCount,
      progress: progress)
  }

  func restore(_ snapshot: Snapshot) {
    for (index, (set, _)) in parameterSets.enumerated() { set.flat.copy(from: snapshot.sets[index]) }
    state.h.copy(from: snapshot.h)
    state.c.copy(from: snapshot.c)
    adam.stepCount = snapshot.adamStep
    progress = snapshot.progress
  }
}

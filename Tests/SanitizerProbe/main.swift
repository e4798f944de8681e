// Trains a little on four ranks of two threads each, all in this process, where a sanitizer sees them all: a text, and a directory for the run.

import CharModel
import Logging
import Ranks
import Training

var config = TrainingConfig()
config.train = CommandLine.arguments[1]
config.runDir = CommandLine.arguments[2]
config.cell = CellKind(named: "lstm")!
config.layers = 2
config.hidden = 12
config.embedding = 9
config.bs = 26
config.bptt = 10
config.bpttJitter = true
config.dropout = 0.3
config.dropoutOutput = 0.2
config.averageDecay = 0.9
config.clipNorm = 0.5
config.threads = 2
config.maxSteps = 4
config.checkpointEvery = .steps(2)
config.validate = .all

let endings = try ThreadWorld.run(size: 4) { [config] world in
  let logger = Logger(label: "") { _ in SwiftLogNoOpLogHandler() }
  return try TrainingRun(
    RunStart(config), world, SilentObserver(), logger, inspectors: [DebugChecks()]
  ).run()
}
print("ended: \(endings[0])")

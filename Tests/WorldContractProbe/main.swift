// Holds Open MPI's ranks to the contract of World; the tests run it under mpirun.

import Ranks
import WorldContract

let world = try MPIWorld()
let violations = try worldContractViolations(world)
for violation in violations { print(violation) }
if world.isRoot { print("ranks: \(world.size)") }
try world.finish()
if !violations.isEmpty { fatalError("the contract is broken") }

import Glibc

/// How this process was started, from its environment alone: known before MPI starts.
public struct Launch: Sendable {
  public let rank: Int
  /// Whether Open MPI (or a launcher that speaks its PMIx) started it.
  public let isMPI: Bool

  /// - Throws: ``RankError/unknownLauncher(variable:)`` if another MPI's launcher started several processes.
  public init(environment: [String: String]) throws {
    func number(_ name: String) -> Int? { environment[name].flatMap { Int($0) } }
    if let rank = number("OMPI_COMM_WORLD_RANK") ?? number("PMIX_RANK") {
      (self.rank, isMPI) = (rank, true)
    } else if let variable = Self.othersSizes.first(where: { number($0) ?? 1 > 1 }) {
      throw RankError.unknownLauncher(variable: variable)
    } else {
      (rank, isMPI) = (0, false)
    }
  }

  public var isRoot: Bool { rank == 0 }

  /// How many processes another launcher started: MPICH's and its kin, or Slurm's without PMIx.
  private static let othersSizes = ["PMI_SIZE", "SLURM_STEP_NUM_TASKS"]
}

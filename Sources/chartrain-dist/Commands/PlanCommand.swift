import ArgumentParser
import Glibc
import Ranks
import Storage
import Training

struct PlanCommand: RankedCommand, CommandWithExamples {
  static let configuration = CommandConfiguration(
    commandName: "plan",
    abstract:
      "Predict the speed of training on 1 to \(ScalingPlan.maximumRanks) ranks, and say how many are best.",
    discussion: """
      Takes the options of train that make a step, and writes no files. It measures steps with fewer and fewer streams on the cores of this host, for a moment each. What other \
      hosts would add follows from the network between them: measured, where one rank is started on each, or as --bandwidth and \
      --latency say; with neither, and one process, one host is all there is. Gradients are taken to be added up along the tree (--blocks at least the number of ranks).
      """)

  static let examples = [
    Example(
      "For hosts whose network is known",
      "chartrain-dist plan --preset notebook-lstm --bandwidth 10 --latency 30"),
    Example("For those of a hostfile, network measured", "launch/cluster hosts plan --preset notebook-lstm"),
    Example(
      "The same without the launcher",
      "mpirun --hostfile hosts --map-by ppr:1:node --bind-to none chartrain-dist plan"),
  ]

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "What the network between hosts moves each way, above 0, instead of measuring it. Default: measured, with a rank on each host.",
      valueName: "Gbit/s"),
    transform: Number.real)
  var bandwidth: Double?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "What a small message takes there, above 0; needs --bandwidth. Default: \(fixed(NetworkSpeed.usualLatencySeconds * 1e6, 0)).",
      valueName: "microseconds"),
    transform: Number.real)
  var latency: Double?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Cores of a host, 1 to those that this process may use. Default: all of these.", valueName: "n"),
    transform: Number.whole)
  var cores: Int?

  @Flag(help: "Print one JSON object instead.")
  var json = false

  @OptionGroup var training: StepOptions

  func run() throws {
    try check("bandwidth", bandwidth, "Gbit/s")
    try check("latency", latency, "microseconds")
    guard latency == nil || bandwidth != nil else {
      throw OptionError(option: "latency", expected: "--bandwidth beside it", found: "none")
    }
    let available = Processors().cores
    guard cores.map((1...available).contains) ?? true else {
      throw OptionError(
        option: "cores", expected: "1 to the \(available) that this process may use", found: "\(cores!)")
    }
    let given = try training.config()
    if let gemm = given?.gemm, gemm.backend != .simd {
      throw OptionError(option: "gemm", expected: "simd for plan", found: "\(gemm)")
    }
    let network = bandwidth.map {
      NetworkSpeed(
        latencySeconds: latency.map { $0 * 1e-6 } ?? NetworkSpeed.usualLatencySeconds,
        bytesPerSecond: $0 * 1e9 / 8)
    }
    try runOnRanks { world in
      let config = try TrainingConfig.ofRoot(given, world)
      world.set(config.stallLimits)
      try world.onRoot { try checkPlaces(world.hosts) }
      let cores = try world.allGather(self.cores ?? available).min()!
      var progress = json ? nil : ProgressDisplay.onRoot(of: world)
      let plan = try ScalingPlan(config, cores: cores, network: network, world) {
        progress?.show("measuring", fraction: $0, detail: "")
      }
      progress?.clear()
      try world.onRoot {
        print(json ? try plan.json : page(plan, config))
        try Terminal.checkOutput()
      }
      return EXIT_SUCCESS
    }
  }

  private func check(_ option: String, _ value: Double?, _ unit: String) throws {
    guard let value, !(value > 0 && value.isFinite) else { return }
    throw OptionError(option: option, expected: "\(unit) above 0", found: "\(value)")
  }

  private func checkPlaces(_ hosts: [String]) throws {
    let ranks = Dictionary(grouping: hosts) { $0 }
    guard let (host, all) = ranks.first(where: { $0.value.count > 1 }) else { return }
    throw RanksShareHost(host: host, ranks: all.count)
  }

  // MARK: The page

  private func page(_ plan: ScalingPlan, _ config: TrainingConfig) -> String {
    let network =
      plan.network.map {
        "\(fixed($0.bytesPerSecond * 8e-9, 2)) Gbit/s each way, \(fixed($0.latencySeconds * 1e6, 0)) us"
          + (bandwidth == nil ? ", measured" : "")
      } ?? "none; --bandwidth tells of one"
    let worthwhile = plan.worthwhile
    var page = """
      model     \(config.cell.name) \(config.layers)x\(config.hidden): \(fixed(Double(plan.gradientBytes) * 1e-6, plan.gradientBytes < 10_000_000 ? 3 : 1)) MB of gradient in each step
      host      \(counted(plan.cores, "core")), measured
      network   \(network)

      The same \(config.bs) streams on all (strong scaling):
      \(table(plan.strong))

      \(config.bs) streams for each rank (weak scaling):
      \(table(plan.weak))

      network: the part of a step that waits for it; efficiency: characters/s of a core, over those of one rank with one thread

      fastest for --bs \(config.bs): \(places(plan.fastest.shape)), \(grouped(plan.fastest.charactersPerSecond)) characters/s
      """
    if worthwhile.shape != plan.fastest.shape {
      page +=
        "\nbest use of cores (at least \(fixed(ScalingPlan.worthwhileEfficiency * 100, 0)) % of one alone): "
        + "\(places(worthwhile.shape)), \(grouped(worthwhile.charactersPerSecond)) characters/s"
    }
    page += "\nto run the fastest: \(command(plan, config))"
    if Self.wantsAllToValidate(plan, config) {
      page +=
        "\nwith --validate rank0 ranks would wait \(fixed(plan.idleFraction * 100, 0)) % of their time for rank 0 to validate"
    }
    return page
  }

  private func table(_ rows: [ScalingPlan.Row]) -> String {
    let header = ["ranks", "hosts", "threads", "streams", "step ms", "network", "chars/s", "efficiency"]
    let widths = [6, 7, 9, 9, 10, 9, 12, 12]
    let lines = rows.map { row in
      let cells = [
        "\(row.shape.ranks)", "\(row.shape.hosts)", "\(row.shape.threads)", "\(row.streams)",
        fixed(row.stepSeconds * 1000, 2), fixed(row.networkFraction * 100, 0) + " %",
        grouped(row.charactersPerSecond), fixed(row.efficiency * 100, 0) + " %",
      ]
      return zip(cells, widths).map { $0.leftPadded($1) }.joined() + "  " + row.bottleneck.rawValue
    }
    return ([zip(header, widths).map { $0.leftPadded($1) }.joined() + "  bottleneck"] + lines).joined(
      separator: "\n")
  }

  private func places(_ shape: ScalingPlan.Shape) -> String {
    "\(counted(shape.ranks, "rank")) with \(counted(shape.threads, "thread")) each on \(counted(shape.hosts, "host"))"
  }

  /// What to say besides the options that plan was given.
  private func command(_ plan: ScalingPlan, _ config: TrainingConfig) -> String {
    let shape = plan.fastest.shape
    let start =
      shape.hosts == 1
      ? "mpirun -n \(shape.ranks) --map-by slot:PE=\(shape.threads) chartrain-dist"
      : "launch/cluster HOSTFILE"
    let options = [
      shape.threads == 1 ? nil : "--threads \(shape.threads)",
      shape.blocks(wanted: config.blocks) == config.blocks
        ? nil : "--blocks \(shape.blocks(wanted: config.blocks))",
      Self.wantsAllToValidate(plan, config) ? "--validate all" : nil,
    ]
    let slots =
      shape.hosts == 1
      ? "" : ", with \(shape.hosts) hosts in HOSTFILE, each with slots=\(shape.ranks / shape.hosts)"
    return ([start, "..."] + options.compactMap { $0 }).joined(separator: " ") + slots
  }

  private static func wantsAllToValidate(_ plan: ScalingPlan, _ config: TrainingConfig) -> Bool {
    config.validate == .rank0 && plan.idleFraction > ScalingPlan.tolerableIdleFraction
  }
}

/// Ranks of `plan`, each of which would measure all cores of its host.
struct RanksShareHost: Error, CustomStringConvertible {
  let host: String
  let ranks: Int

  var description: String {
    "expected one rank of plan on each host (--map-by ppr:1:node --bind-to none), found \(ranks) on \(host)"
  }
}

import ArgumentParser
import Storage
import Training

struct ReportCommand: CommandWithExamples {
  static let configuration = CommandConfiguration(
    commandName: "report",
    abstract: "Write one HTML page about a run, or about several beside each other.",
    discussion: """
      Losses and learning rate as charts, epochs, throughput and phases of each rank, samples, checkpoints, and what went wrong. The page needs nothing \
      else, no network either; a run may still be going on.
      """)

  static let examples = [
    Example("In the run's directory", "chartrain-dist report runs/a"),
    Example("Two runs beside each other", "chartrain-dist report runs/a runs/b --to comparison.html"),
  ]

  @Argument(help: ArgumentHelp("The runs' directories.", valueName: "run-dir"), completion: .directory)
  var runs: [String]

  @Option(
    help: ArgumentHelp(
      "The file to write, ending in .html. Default: report.html in the run's directory, or here for several.",
      valueName: "file"), completion: .file())
  var to: String?

  func run() throws {
    let file = to ?? (runs.count == 1 ? runs[0] + "/report.html" : "report.html")
    try requireSuffix(".html", of: file)
    let page = try ReportPage.html(ReportData(try runs.map(PastRun.init), page: file))
    try writeAtomically(to: file) { try $0.write(page) }
    print("wrote \(file)")
  }
}

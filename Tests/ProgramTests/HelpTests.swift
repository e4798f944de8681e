import Foundation
import TestSupport
import Testing

/// What `--help` says of each command: that its examples run, its options are tested, and the manual pages say the same.
@Suite struct HelpTests {
  private static let commands = [
    "train", "lr-find", "sample", "eval", "inspect", "export", "plot", "report", "watch", "bench", "plan",
    "debug",
  ]

  private static func help(_ command: String?) throws -> String {
    let outcome = try Program.run("chartrain-dist", [command, "--help"].compactMap { $0 })
    #expect(outcome.status == 0, "\(outcome.errors)")
    return outcome.output
  }

  /// The names of all options that `help` lists, and what it says of each, on one line.
  private static func options(_ help: String) -> [(name: String, text: String)] {
    let columnOfTexts = 26
    var options: [(name: String, text: String)] = []
    for line in help.components(separatedBy: "\nEXAMPLES:")[0].split(separator: "\n") {
      let text = line.dropFirst(columnOfTexts)
      if let name = line.firstMatch(of: #/^ {2}(?:-h, )?(--[a-z-]+)/#)?.1 {
        // A long name has the line to itself.
        let isBeside = line.prefix(columnOfTexts).hasSuffix("  ")
        options.append((String(name), isBeside ? String(text) : ""))
      } else if !options.isEmpty, line.prefix(columnOfTexts).allSatisfy({ $0 == " " }) {
        options[options.count - 1].text += (options.last!.text.isEmpty ? "" : " ") + text
      }
    }
    return options
  }

  private static func examples(_ help: String) -> [String] {
    let part = help.components(separatedBy: "\nEXAMPLES:\n").dropFirst().first ?? ""
    return part.split(separator: "\n").filter { $0.hasPrefix("    $ ") }.map { String($0.dropFirst(6)) }
  }

  @Test func theListOfCommandsIsWhole() throws {
    let top = try Self.help(nil)
    let list = try #require(top.components(separatedBy: "SUBCOMMANDS:").last)
    let found = list.split(separator: "\n")
      .compactMap { $0.firstMatch(of: #/^ {2}([a-z-]+)(?: \(default\))? {2}/#).map { String($0.1) } }
    #expect(found == Self.commands)
    #expect(Self.examples(top).count > 1)
  }

  @Test func underMPIHelpIsShownOnce() throws {
    let help = try Program.run("chartrain-dist", ["--help"], ranks: 3)
    #expect(help.status == 0)
    #expect(help.output.components(separatedBy: "SUBCOMMANDS").count == 2)
  }

  /// Those that train get a model of 8 units and end after two steps.
  @Test(arguments: [nil] + commands) func theExamplesRun(_ command: String?) throws {
    let directory = TemporaryDirectory()
    let text = (0..<2000).map { "\($0 * 7919 % 1000) " }.joined()
    for file in ["text.txt", "trn.txt", "val.txt", "other.txt"] { directory.write(file, text) }
    directory.write("hosts", "localhost slots=4\n")
    let small = "--hidden 8 --bs 8"
    for run in ["a", "b"] {
      let arguments = "--run-dir runs/\(run) --train text.txt \(small) --max-steps 2 --quiet"
      let outcome = try Program.run(
        "chartrain-dist", arguments.split(separator: " ").map(String.init), currentDirectory: directory.path)
      #expect(outcome.status == 0, "\(outcome.errors)")
    }
    let help = try Self.help(command)
    let examples = Self.examples(help)
    #expect(!examples.isEmpty)
    let takesSteps = command == nil || help.contains("--hidden")
    for (index, example) in examples.enumerated() {
      // What the launcher does is tested on hosts.
      if example.hasPrefix("launch/") { continue }
      if example.hasPrefix("gdb"), Outside.program("gdb") == nil { continue }
      let line =
        takesSteps && !example.contains("--resume") && !example.contains(" help ")
        ? "\(example) \(small)" + (command == nil || help.contains("--max-steps") ? " --max-steps 2" : "")
          + (command == nil || help.contains("--run-dir") ? " --run-dir new/\(index)" : "") : example
      let outcome = try Program.run(
        ["bash", "-c", "PATH=\(Program.directory.path):$PATH; \(line)"], currentDirectory: directory.path)
      #expect(outcome.status == 0, "\(line): \(outcome.errors)")
    }
  }

  /// The words in which a test gives it; options that only one command has beside that command's name.
  @Test func everyOptionHasATest() throws {
    let tests = try #require(FileManager.default.enumerator(atPath: Outside.top + "/Tests"))
      .compactMap { $0 as? String }.filter { $0.hasSuffix(".swift") }
      .flatMap {
        try String(contentsOfFile: Outside.top + "/Tests/" + $0, encoding: .utf8).components(
          separatedBy: "@Test")
      }
    let ofTraining = Set(try Self.options(Self.help("train")).map(\.name))
    for command in Self.commands {
      let options = try Self.options(Self.help(command)).map(\.name)
      #expect(options.count >= 2, "\(command)")
      for option in options {
        let words = try Regex("[ \"]\(option)[ \"=]")
        let name = try Regex("[ \"]\(command)[ \"]")
        let isOwn = command != "train" && !ofTraining.contains(option)
        #expect(
          tests.contains { $0.contains(words) && (!isOwn || $0.contains(name)) }, "\(command) \(option)")
      }
    }
  }

  /// In bash: commands, options, and the names that an option knows.
  @Test(arguments: [
    ("chartrain-dist wa", "watch"), ("chartrain-dist train --carry", "--carry-state-across-epochs"),
    ("chartrain-dist train --preset ", "notebook-rnncell"), ("chartrain-dist plot --what ra", "rate"),
  ])
  func completionsNameWhatThereIs(line: String, expected: String) throws {
    let script = """
      PATH=\(Program.directory.path):$PATH
      source <(chartrain-dist --generate-completion-script bash)
      function=$(complete -p chartrain-dist | sed 's/.*-F \\([^ ]*\\).*/\\1/')
      COMP_LINE='\(line)' COMP_POINT=${#COMP_LINE}
      IFS=' ' read -r -a COMP_WORDS <<<"$COMP_LINE"
      [[ $COMP_LINE != *' ' ]] || COMP_WORDS+=('')
      COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
      "$function" chartrain-dist "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
      printf '%s\\n' "${COMPREPLY[@]}"
      """
    let outcome = try Program.run(["bash", "-c", script])
    let words = outcome.output.split(separator: "\n").map { $0.trimmingCharacters(in: .whitespaces) }
    #expect(words.contains(expected), "\(outcome.output) \(outcome.errors)")
  }

  /// `launch/manual` writes them.
  @Test(arguments: commands) func theManualPageSaysTheSame(_ command: String) throws {
    let page = try String(
      contentsOfFile: Outside.top + "/docs/man/chartrain-dist.\(command).1", encoding: .utf8)
    let help = try Self.help(command)
    let words = page.split(whereSeparator: \.isWhitespace).joined(separator: " ")
    for option in Self.options(help) {
      #expect(option.text.count > 5, "\(option)")
      #expect(words.contains(option.text), "\(option)")
    }
    for example in Self.examples(help) { #expect(page.contains("\n$ \(example)\n"), "\(example)") }
    // Of two forms of a switch, only the first.
    let inPage = page.matches(of: #/^\.It Fl (?:h , )?-(?!no-)([a-z-]+)/#.anchorsMatchLineEndings()).map {
      "--" + $0.1
    }
    #expect(inPage.sorted() == Self.options(help).map(\.name).sorted())
  }
}

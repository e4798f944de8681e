import Foundation
import TestSupport
import Testing

/// The pages that the program writes, in a browser without a window.
@Suite(.enabled(if: Outside.program("chromium") != nil, "no Chromium"))
struct BrowserTests {
  /// Two runs, for all of these tests.
  private static let runs = Result { try makeRuns() }
  private let directory: TemporaryDirectory

  init() throws { directory = try Self.runs.get() }

  private static func makeRuns() throws -> TemporaryDirectory {
    let directory = TemporaryDirectory()
    directory.write("text.txt", (0..<1500).map { "\($0 * $0 % 499) is <b>\($0 * 31 % 97)</b>\n" }.joined())
    for (name, rate) in [("first", "0.003"), ("second", "0.01")] {
      try run(
        in: directory,
        [
          "--run-dir", name, "--train", "text.txt", "--hidden", "24", "--bs", "8", "--bptt", "16", "--epochs",
          "3",
          "--lr", rate, "--sample-length", "200", "--quiet", "--max-steps",
          name == "second" ? "100" : "100000",
        ])
    }
    try run(in: directory, ["--resume", "second", "--max-steps", "100000", "--quiet"])
    return directory
  }

  private static func run(in directory: TemporaryDirectory, _ arguments: [String]) throws {
    let outcome = try Program.run("chartrain-dist", arguments, currentDirectory: directory.path)
    #expect(outcome.status == 0, "\(outcome.errors)")
  }

  /// What a page is like once its script has run.
  private struct Page: Decodable {
    let errors: [String]
    /// Of the whole page and of the window, in CSS pixels.
    let width, windowWidth: Double
    let isDark: Bool
    let text: String
    let tables, rows, links, marks: Int
    /// The points of each line in a chart.
    let lines: [Int]
    let ground: String
    /// Whether charts show a part.
    let isZoomed: Bool
  }

  /// Loads a page, as others would have it, and lets it tell.
  ///
  /// - Parameter actions: a script to be run before it tells.
  private func load(_ name: String, width: Int, dark: Bool, _ actions: String = "") throws -> Page {
    let page = try String(contentsOfFile: directory.path(name), encoding: .utf8)
    let probe = """
      <script>
      addEventListener("load", () => setTimeout(() => {
        \(actions)
        setTimeout(tell, 300);
      }, 100));
      function tell() {
        const count = (what) => document.querySelectorAll(what).length;
        const result = {
          errors, width: document.documentElement.scrollWidth, windowWidth: innerWidth,
          isDark: matchMedia("(prefers-color-scheme: dark)").matches, text: document.body.innerText,
          lines: [...document.querySelectorAll("g[clip-path] path.line")].map((line) => line.getAttribute("d").match(/[ML]/g)?.length ?? 0), tables: count("table"), rows: count("tbody tr"), links: count("a[href]"), marks: count("line.mark"),
          isZoomed: [...document.querySelectorAll(".controls button")].some((button) => button.textContent === "Reset" && !button.disabled),
          ground: getComputedStyle(document.body).backgroundColor,
        };
        parent.postMessage("result:" + encodeURIComponent(JSON.stringify(result)) + ":end", "*");
      }
      </script>
      """
    let watch = """
      <script>
      const errors = [];
      // A browser without a window draws a frame only now and then.
      window.requestAnimationFrame = (draw) => setTimeout(() => draw(performance.now()), 10);
      addEventListener("error", (event) => errors.push(event.message));
      addEventListener("securitypolicyviolation", (event) => errors.push(event.blockedURI));
      </script>
      """
    // The page's own policy is not to stop the probe.
    let open = page.replacing(
      "default-src 'none'; style-src", with: "default-src 'none'; script-src 'unsafe-inline'; style-src")
    directory.write(
      "probed-\(name)",
      open.replacing("<title>", with: watch + "<title>").replacing("</body>", with: probe + "</body>"))
    // Chromium makes no window as narrow as a telephone, but a frame.
    directory.write(
      "frame-\(name)",
      """
      <!doctype html><body style="margin: 0"><script>addEventListener("message", (event) => document.body.append(event.data));</script>
      <iframe src="probed-\(name)" style="border: 0; width: \(width)px; height: 844px"></iframe>
      """)
    let outcome = try Program.run(
      [
        Outside.program("chromium")!, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
        "--user-data-dir=" + directory.path("browser-\(name)"), "--window-size=1300,900",
        "--blink-settings=preferredColorScheme=\(dark ? 0 : 1)", "--virtual-time-budget=4000", "--dump-dom",
        "file://" + directory.path("frame-\(name)"),
      ], secondsAllowed: 60)
    let start = try #require(outcome.output.range(of: "result:")?.upperBound, "\(outcome.errors)")
    let end = try #require(outcome.output.range(of: ":end")?.lowerBound)
    let json = try #require(String(outcome.output[start..<end]).removingPercentEncoding)
    return try JSONDecoder().decode(Page.self, from: Data(json.utf8))
  }

  /// On a desk and on a telephone, light and dark.
  @Test(arguments: [1200, 390], [false, true])
  func theReportIsReadable(width: Int, dark: Bool) throws {
    let name = "report-\(width)-\(dark).html"
    try Self.run(in: directory, ["report", "first", "second", "--to", name])
    let page = try load(name, width: width, dark: dark)
    #expect(page.errors.isEmpty, "\(page.errors)")
    #expect(
      page.windowWidth == Double(width) && page.width <= page.windowWidth, "it must be scrolled sideways")
    #expect(page.isDark == dark)
    for word in ["first", "second", "Loss", "Learning rate", "epoch", "best"] {
      #expect(page.text.contains(word), "\(word)")
    }
    for word in ["undefined", "NaN", "[object"] { #expect(!page.text.contains(word), "\(word)") }
    // Of each run: the training loss, the validation loss of three epochs, rate, gradient norm and speed; and a row for each epoch.
    #expect(page.lines.count == 10 && page.lines.filter { $0 == 3 }.count == 2, "\(page.lines)")
    #expect(page.lines.allSatisfy { $0 >= 3 } && page.lines.filter { $0 > 50 }.count == 8, "\(page.lines)")
    #expect(page.tables >= 2 && page.rows >= 6)
    #expect(page.links >= 4, "links to checkpoints")
    #expect(isDark(page.ground) == dark, "\(page.ground)")
  }

  /// Its own sections are open; charts can be zoomed, and go by time as well.
  @Test func oneRunsReportCanBeUsed() throws {
    try Self.run(in: directory, ["report", "first", "--to", "one.html"])
    let whole = try load("one.html", width: 1200, dark: false)
    #expect(whole.errors.isEmpty, "\(whole.errors)")
    for word in [
      "Epochs", "Where the time went", "Samples", "after epoch 3", "Checkpoints", "best.safetensors",
      "What happened",
      "Nothing went wrong.", "started, 1 rank on", "finished",
    ] { #expect(whole.text.contains(word), "\(word)") }
    #expect(whole.lines.count == 5 && whole.marks == 0)
    // One that was stopped and went on, in each of the four charts.
    try Self.run(in: directory, ["report", "second", "--to", "other.html"])
    let other = try load("other.html", width: 1200, dark: false)
    #expect(other.marks == 4 && other.text.contains("went on, 1 rank on"), "\(other.marks)")
    let zoomed = try load(
      "one.html", width: 1200, dark: false,
      """
      document.querySelector(".plot").dispatchEvent(new KeyboardEvent("keydown", { key: "+", bubbles: true }));
      document.querySelector("input[type=range]").value = 0;
      document.querySelector("input[type=range]").dispatchEvent(new Event("input"));
      """)
    #expect(zoomed.errors.isEmpty && zoomed.isZoomed && !whole.isZoomed)
    #expect(zoomed.text.contains("after epoch 1") && !zoomed.text.contains("after epoch 3"))
    let byTime = try load(
      "one.html", width: 1200, dark: false,
      """
      [...document.querySelectorAll("button")].find((button) => button.textContent === "training time").click();
      document.querySelectorAll("figure details").forEach((fold) => { fold.open = true; });
      """)
    #expect(byTime.errors.isEmpty && byTime.lines == whole.lines, "\(byTime.lines)")
    #expect(byTime.rows > whole.rows + 100 && byTime.text.contains("training time"))
    for word in ["undefined", "NaN", "[object"] { #expect(!byTime.text.contains(word), "\(word)") }
  }

  @Test(arguments: [1200, 390], [false, true])
  func theHeatMapIsReadable(width: Int, dark: Bool) throws {
    let name = "map-\(width)-\(dark).html"
    try Self.run(in: directory, ["eval", "--checkpoint", "first", "--data", "text.txt", "--heatmap", name])
    let page = try load(name, width: width, dark: dark)
    #expect(page.errors.isEmpty, "\(page.errors)")
    #expect(
      page.windowWidth == Double(width) && page.width <= page.windowWidth, "it must be scrolled sideways")
    #expect(page.rows == 10 && page.links == 10)
    #expect(page.text.contains("is <b>") && page.text.contains("bits per character"))
    #expect(isDark(page.ground) == dark, "\(page.ground)")
  }

  /// Of a colour such as `rgb(14, 18, 22)`.
  private func isDark(_ color: String) -> Bool {
    color.matches(of: /[0-9]+/).prefix(3).reduce(0) { $0 + Int($1.0)! } < 3 * 128
  }
}

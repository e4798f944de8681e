import Charts

/// One HTML file that needs nothing else: `page.html` with its style, its scripts and the data in it.
enum ReportPage {
  /// In the order in which they use each other.
  private static let scripts = [
    PackageResources.elements_js, PackageResources.scales_js, PackageResources.charts_js,
    PackageResources.run_js,
    PackageResources.page_js,
  ]

  static func html(_ data: ReportData) throws -> String {
    let json = try data.json.escapedForScript
    return text(PackageResources.page_html)
      .replacing("<!-- style -->", with: "<style>\n\(text(PackageResources.page_css))</style>")
      .replacing("<!-- script -->", with: "<script>\n\(script)</script>")
      .replacing("<!-- data -->", with: "<script type=\"application/json\" id=\"data\">\(json)</script>")
  }

  /// In a block, so that no name is one of `window`'s.
  private static var script: String {
    "\"use strict\";\n{\n" + scripts.map(text).joined(separator: "\n") + "}\n"
  }

  private static func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }
}

import Charts

/// One HTML file that needs nothing else: `page.html` with its style, its script and the data in it.
enum ReportPage {
  static func html(_ data: ReportData) throws -> String {
    let json = try data.json.escapedForScript
    return text(PackageResources.page_html)
      .replacing("<!-- style -->", with: "<style>\n\(text(PackageResources.page_css))</style>")
      .replacing("<!-- script -->", with: "<script>\n\(text(PackageResources.page_js))</script>")
      .replacing("<!-- data -->", with: "<script type=\"application/json\" id=\"data\">\(json)</script>")
  }

  private static func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }
}

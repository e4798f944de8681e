import Logging

/// Writes each log message as one line on standard error.
struct ConsoleLogHandler: LogHandler {
  var metadata: Logger.Metadata = [:]
  var logLevel: Logger.Level

  subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  func log(event: LogEvent) {
    Terminal.writeError("chartrain-dist: \(event.level): \(event.message)")
  }

  /// - Parameter speaks: whether this rank may write to the terminal.
  static func logger(quiet: Bool, verbose: Bool, speaks: Bool) -> Logger {
    Logger(label: "chartrain-dist") { _ in
      guard speaks else { return SwiftLogNoOpLogHandler() }
      return ConsoleLogHandler(logLevel: quiet ? .warning : verbose ? .debug : .notice)
    }
  }
}

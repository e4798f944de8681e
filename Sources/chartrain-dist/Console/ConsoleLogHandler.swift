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
    Terminal.writeError("chartrain-dist: \(event.level): \("\(event.message)".inOneVisibleLine)")
  }

  /// - Parameters:
  ///   - speaks: whether this rank may write to the terminal.
  ///   - keepsLog: whether it has a log of its own.
  static func logger(quiet: Bool, verbose: Bool, speaks: Bool, keepsLog: Bool = false) -> Logger {
    let console = ConsoleLogHandler(logLevel: quiet ? .warning : verbose ? .debug : .notice)
    return Logger(label: "chartrain-dist") { _ in
      switch (speaks, keepsLog) {
      case (true, true): MultiplexLogHandler([console, RankLogHandler()])
      case (true, false): console
      case (false, true): RankLogHandler()
      case (false, false): SwiftLogNoOpLogHandler()
      }
    }
  }
}

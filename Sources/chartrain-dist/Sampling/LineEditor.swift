import Glibc

/// Asks the user for lines: with editing and a history on a terminal where libedit is installed, as they come otherwise.
struct LineEditor {
  private typealias ReadLine = @convention(c) (UnsafePointer<CChar>) -> UnsafeMutablePointer<CChar>?
  private typealias AddHistory = @convention(c) (UnsafePointer<CChar>) -> CInt

  private let editing: (readLine: ReadLine, addHistory: AddHistory)?
  private let isOnTerminal: Bool

  init() {
    isOnTerminal = isatty(STDIN_FILENO) == 1 && isatty(STDOUT_FILENO) == 1
    editing = isOnTerminal ? Self.libedit() : nil
    if isOnTerminal, editing == nil {
      Terminal.writeError(
        "chartrain-dist: notice: lines cannot be edited here: libedit is missing (Debian's libedit2)")
    }
  }

  /// The next line, without its end; nil where there is none.
  func line(prompt: String) -> String? {
    guard let editing else {
      if isOnTerminal { Terminal.write(prompt) }
      return readLine()
    }
    guard let line = editing.readLine(prompt) else { return nil }
    defer { free(line) }
    if line.pointee != 0 { _ = editing.addHistory(line) }
    return String(cString: line)
  }

  /// The functions of readline's that libedit has.
  private static func libedit() -> (ReadLine, AddHistory)? {
    guard let library = dlopen("libedit.so.2", RTLD_NOW), let readLine = dlsym(library, "readline"),
      let addHistory = dlsym(library, "add_history")
    else { return nil }
    // What a character is, it asks the locale.
    if setlocale(LC_CTYPE, "") == nil || String(cString: nl_langinfo(CInt(CODESET))) != "UTF-8" {
      setlocale(LC_CTYPE, "C.UTF-8")
    }
    return (
      unsafeBitCast(readLine, to: ReadLine.self), unsafeBitCast(addHistory, to: AddHistory.self)
    )
  }
}

/// A text that cannot be trained on or evaluated. Each says what was expected and what was found.
public enum TextError: Error, CustomStringConvertible {
  /// `offset` counts bytes from the start of the file.
  case invalidUTF8(path: String, offset: Int)
  case empty(path: String)
  case directoryWithoutFiles(path: String)
  case device(path: String)
  case tooShort(name: String, units: Int, needed: Int, streams: Int)
  case tooLarge(path: String, bytes: Int, memoryBytes: Int)
  case oneDistinctUnit(name: String)
  case nothingFrequent(name: String, minimumFrequency: Int)
  case tooManyDistinctUnits(path: String, limit: Int)

  public var description: String {
    switch self {
    case .invalidUTF8(let path, let offset):
      "'\(path)' is not UTF-8 text: invalid byte sequence at byte offset \(offset); a model of --unit byte reads any file"
    case .empty(let path):
      "'\(path)' has no text: expected at least two characters, found none"
    case .directoryWithoutFiles(let path):
      "the directory '\(path)' has no files: expected at least one text file"
    case .device(let path):
      "'\(path)': expected a file, a directory or a pipe with text, found a device"
    case .tooShort(let name, let units, let needed, let streams):
      streams == 1
        ? "\(name) is too short: expected at least \(needed) characters, found \(units)"
        : "\(name) is too short: \(streams) streams need at least \(needed) characters, found \(units); "
          + "use a smaller --bs or more text"
    case .tooLarge(let path, let bytes, let memoryBytes):
      "'\(path)' is too large: expected at most three times this machine's memory of \(memoryBytes) bytes, "
        + "found \(bytes)"
    case .oneDistinctUnit(let name):
      "the text to train on, \(name), has only one distinct character: expected at least two"
    case .nothingFrequent(let name, let minimumFrequency):
      "\(name) has no character that occurs \(minimumFrequency) times, as --min-freq expects"
    case .tooManyDistinctUnits(let path, let limit):
      "'\(path)' has too many distinct characters: expected at most \(limit); a model of --unit byte reads any file"
    }
  }
}

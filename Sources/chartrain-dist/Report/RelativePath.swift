import FoundationEssentials
import Training

/// Paths for links between files.
enum RelativePath {
  /// How `page` calls the file `path`; both are as a user would give them.
  static func from(_ page: String, to path: String) -> String {
    let start = components(page).dropLast()
    let end = components(path)
    let shared = zip(start, end).prefix { $0 == $1 }.count
    return (Array(repeating: "..", count: start.count - shared) + end.dropFirst(shared)).joined(
      separator: "/")
  }

  /// From the root on, without `.` and `..`.
  fileprivate static func components(_ path: String) -> [Substring] {
    let whole = path.hasPrefix("/") ? path : FileManager.default.currentDirectoryPath + "/" + path
    var result: [Substring] = []
    for part in whole.split(separator: "/") where part != "." {
      if part == ".." { _ = result.popLast() } else { result.append(part) }
    }
    return result
  }
}

extension PastRun {
  /// That of its directory, also where the path that was given is a way there such as `.`.
  var name: String { RelativePath.components(directory.path).last.map(String.init) ?? directory.path }
}

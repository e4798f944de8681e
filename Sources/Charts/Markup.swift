extension String {
  /// Without anything that begins or ends an element, an attribute or an entity in HTML and SVG.
  ///
  /// By Unicode scalars: among characters "<" may hide in a cluster with what stands before it.
  public var escapedForMarkup: String {
    var escaped = String.UnicodeScalarView()
    for scalar in unicodeScalars {
      switch scalar {
      case "&": escaped.append(contentsOf: "&amp;".unicodeScalars)
      case "<": escaped.append(contentsOf: "&lt;".unicodeScalars)
      case ">": escaped.append(contentsOf: "&gt;".unicodeScalars)
      case "\"": escaped.append(contentsOf: "&quot;".unicodeScalars)
      default: escaped.append(scalar)
      }
    }
    return String(escaped)
  }

  /// JSON, without anything that ends the script element of HTML in which it stands.
  public var escapedForScript: String {
    var escaped = String.UnicodeScalarView()
    for scalar in unicodeScalars {
      if scalar == "<" {
        escaped.append(contentsOf: "\\u003c".unicodeScalars)
      } else {
        escaped.append(scalar)
      }
    }
    return String(escaped)
  }
}

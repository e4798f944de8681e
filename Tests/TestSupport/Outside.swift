import Foundation
import Glibc

/// Things that a machine may or may not have, and that some tests need.
public enum Outside {
  /// The checkout's top.
  public static let top = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent()
    .deletingLastPathComponent().path

  /// The notebook's text beside the checkout; a user's checkout has none.
  public static let nietzsche = top + "/../shared/data/nietzsche"
  public static var hasNietzsche: Bool { FileManager.default.fileExists(atPath: nietzsche + "/trn.txt") }

  /// A Python that has PyTorch (and others): the one that `launch/pytorch` installs, or the PATH's.
  public static let pythonWithPyTorch = python(with: "torch, safetensors, numpy")
  public static let pythonWithONNX = python(with: "torch, safetensors, numpy, onnxruntime")
  public static let pythonWithTensorBoard = python(with: "tensorboard")

  /// The path of a program, nil where it is not installed.
  public static func program(_ name: String) -> String? {
    let folders = ProcessInfo.processInfo.environment["PATH"]?.split(separator: ":") ?? []
    return folders.map { $0 + "/" + name }.first { FileManager.default.isExecutableFile(atPath: $0) }
  }

  /// Whether a shared library is installed.
  public static func library(_ name: String) -> Bool { dlopen(name, RTLD_LAZY) != nil }

  private static func python(with modules: String) -> String? {
    [top + "/.build/pytorch/bin/python", "python3"].first { python in
      (try? Program.run([python, "-c", "import \(modules)"]))?.status == 0
    }
  }
}

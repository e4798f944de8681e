// swift-tools-version: 6.2
import Foundation
import PackageDescription

let architecture = Architecture.chosen

let package = Package(
  name: "chartrain-dist",
  products: [
    .executable(name: "chartrain-dist", targets: ["chartrain-dist"]),
    // For tests of faults: to be preloaded.
    .library(name: "FaultyStorage", type: .dynamic, targets: ["FaultyStorage"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.0"),
    // Without its traits, which nothing here needs: SwiftPM passes them on in any order, and compiles it again when that is another.
    .package(url: "https://github.com/apple/swift-protobuf", from: "1.39.0", traits: []),
    .package(url: "https://github.com/apple/swift-system", from: "1.8.0"),
    .package(url: "https://github.com/jpsim/Yams", from: "6.2.0"),
  ],
  targets: [
    // System libraries, found by pkg-config.
    .systemLibrary(
      name: "COpenMPI", pkgConfig: "ompi-c", providers: [.apt(["libopenmpi-dev"])]),
    .systemLibrary(
      name: "COpenBLAS", pkgConfig: "openblas", providers: [.apt(["libopenblas-dev"])]),
    .target(name: "CMPIShim", dependencies: ["COpenMPI"]),
    // Built for any processor, it stops the program on one that the rest cannot run on.
    .target(name: "CProcessor", cSettings: [.define("CHARTRAIN_LEVEL", to: "\(architecture.level)")]),

    .target(name: "CSignals"),

    // Foundations: each knows nothing of the others.
    .target(
      name: "Storage", dependencies: [.product(name: "SystemPackage", package: "swift-system")]),
    .target(name: "Kernels", dependencies: ["COpenBLAS", "CProcessor"]),
    .target(name: "Charts"),
    .target(
      name: "EventFiles", dependencies: [.product(name: "SwiftProtobuf", package: "swift-protobuf")],
      exclude: ["Protos"]),
    .target(
      name: "ONNX", dependencies: [.product(name: "SwiftProtobuf", package: "swift-protobuf")],
      exclude: ["Protos"]),

    .target(name: "Text", dependencies: ["Storage"]),
    .target(name: "SafeTensors", dependencies: ["Storage", "Kernels"]),
    .target(name: "Ranks", dependencies: ["CMPIShim", "Kernels"]),
    .target(name: "CharModel", dependencies: ["Kernels"]),
    .target(
      name: "Training",
      dependencies: [
        "Storage", "Kernels", "Text", "SafeTensors", "Ranks", "CharModel", "CProcessor",
        .product(name: "Logging", package: "swift-log"),
        .product(name: "Yams", package: "Yams"),
      ]),
    .executableTarget(
      name: "chartrain-dist",
      dependencies: [
        "CSignals", "Storage", "Kernels", "Charts", "EventFiles", "ONNX", "Text", "SafeTensors", "Ranks",
        "CharModel", "Training",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
        .product(name: "Logging", package: "swift-log"),
      ],
      resources: [
        "Report/page.html", "Report/page.css", "Report/elements.js", "Report/scales.js", "Report/charts.js",
        "Report/run.js",
        "Report/page.js", "HeatMap/heatmap.html", "HeatMap/heatmap.css",
      ]
      .map { .embedInCode($0) }),

    // Tests, each beside what it tests by name, and what they share.
    .target(name: "TestSupport", dependencies: ["Kernels"], path: "Tests/TestSupport"),
    .target(name: "WorldContract", dependencies: ["Ranks", "Kernels"], path: "Tests/WorldContract"),
    .executableTarget(
      name: "world-contract-probe", dependencies: ["WorldContract"], path: "Tests/WorldContractProbe"),
    // Built by launch/variants, with fewer packages than the program.
    .executableTarget(
      name: "sanitizer-probe",
      dependencies: [
        "CharModel", "Ranks", "Training", .product(name: "Logging", package: "swift-log"),
      ], path: "Tests/SanitizerProbe"),
    .testTarget(name: "KernelsTests", dependencies: ["Kernels", "CProcessor", "TestSupport"]),
    .testTarget(name: "ChartsTests", dependencies: ["Charts"]),
    .testTarget(name: "TextTests", dependencies: ["Text", "TestSupport"]),
    .testTarget(
      name: "SafeTensorsTests", dependencies: ["Kernels", "Storage", "SafeTensors", "TestSupport"]),
    .testTarget(
      name: "RanksTests", dependencies: ["Ranks", "WorldContract", "TestSupport", "world-contract-probe"]),
    .testTarget(
      name: "CharModelTests",
      dependencies: ["Kernels", "CharModel", "SafeTensors", "Training", "TestSupport"]),
    .testTarget(
      name: "TrainingTests",
      dependencies: [
        "Kernels", "Text", "SafeTensors", "Ranks", "CharModel", "Training", "TestSupport",
        .product(name: "Logging", package: "swift-log"),
      ]),
    .testTarget(
      name: "ProgramTests",
      dependencies: ["CProcessor", "Kernels", "TestSupport", "Training", "chartrain-dist"]),
    .target(name: "FaultyStorage", path: "Tests/FaultyStorage"),
    .target(
      name: "FuzzReaders",
      dependencies: [
        "CharModel", "Kernels", "Ranks", "SafeTensors", "Storage", "TestSupport", "Text", "Training",
        .product(name: "Logging", package: "swift-log"),
      ], path: "Tests/FuzzReaders"),
    .testTarget(
      name: "FaultTests",
      dependencies: ["FuzzReaders", "TestSupport", "Training", "chartrain-dist", "FaultyStorage"]),
  ],
  swiftLanguageModes: [.v6]
)

// Needs the library that `--sanitize fuzzer` links: see Tests/Fuzz/run.
if Context.environment["CHARTRAIN_FUZZ"] != nil {
  package.targets.append(
    .executableTarget(
      name: "Fuzz", dependencies: ["FuzzReaders", "TestSupport"], path: "Tests/Fuzz",
      exclude: ["Finds", "run"]))
}

let targetsInC: Set = ["CMPIShim", "CProcessor", "CSignals", "FaultyStorage"]
for target in package.targets where target.type != .system && !targetsInC.contains(target.name) {
  target.swiftSettings = (target.swiftSettings ?? []) + architecture.swiftSettings
}

/// The processors to build for: CHARTRAIN_ARCH, or those like this machine's.
struct Architecture {
  /// 1 to 4 for x86-64 (the psABI's levels), 0 for any other kind of processor.
  let level: Int

  static let names = ["x86-64": 1, "x86-64-v2": 2, "x86-64-v3": 3, "x86-64-v4": 4]

  static var chosen: Architecture {
    guard let name = Context.environment["CHARTRAIN_ARCH"], !name.isEmpty else { return thisMachine }
    guard let level = names[name] else {
      fatalError(
        "CHARTRAIN_ARCH: expected one of \(names.keys.sorted().joined(separator: ", ")), found '\(name)'")
    }
    return Architecture(level: level)
  }

  private static var thisMachine: Architecture {
    #if arch(x86_64)
      let text = (try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8)) ?? ""
      let line = text.split(separator: "\n").first { $0.hasPrefix("flags") } ?? ""
      let flags = Set(line.split(separator: " ").map(String.init))
      let wide = ["avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"]
      let fused = ["avx2", "fma", "bmi1", "bmi2", "f16c", "movbe"]
      if flags.isSuperset(of: fused + wide) { return Architecture(level: 4) }
      return Architecture(level: flags.isSuperset(of: fused) ? 3 : 1)
    #else
      return Architecture(level: 0)
    #endif
  }

  /// The options reach Swift's own code generation too.
  var swiftSettings: [SwiftSetting] {
    let target: [SwiftSetting] =
      level > 1 ? [.unsafeFlags(["-Xcc", "-march=x86-64-v\(level)", "-Xcc", "-fno-math-errno"])] : []
    let fused: [SwiftSetting] = level == 0 || level >= 3 ? [.define("CHARTRAIN_FUSED")] : []
    let wide: [SwiftSetting] = level == 4 ? [.define("CHARTRAIN_WIDE_TILES")] : []
    return target + fused + wide
  }
}

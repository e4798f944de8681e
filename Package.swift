// swift-tools-version: 6.1
import PackageDescription

let package = Package(
  name: "chartrain-dist",
  products: [
    .executable(name: "chartrain-dist", targets: ["chartrain-dist"])
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.0"),
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

    // Foundations: each knows nothing of the others.
    .target(
      name: "Storage", dependencies: [.product(name: "SystemPackage", package: "swift-system")]),
    .target(name: "Kernels", dependencies: ["COpenBLAS"]),
    .target(name: "Charts"),

    .target(name: "Text", dependencies: ["Storage"]),
    .target(name: "SafeTensors", dependencies: ["Storage", "Kernels"]),
    .target(name: "Ranks", dependencies: ["CMPIShim", "Kernels"]),
    .target(name: "CharModel", dependencies: ["Kernels"]),
    .target(
      name: "Training",
      dependencies: [
        "Storage", "Kernels", "Text", "SafeTensors", "Ranks", "CharModel",
        .product(name: "Logging", package: "swift-log"),
        .product(name: "Yams", package: "Yams"),
      ]),
    .executableTarget(
      name: "chartrain-dist",
      dependencies: [
        "Storage", "Kernels", "Charts", "Text", "SafeTensors", "Ranks", "CharModel", "Training",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
        .product(name: "Logging", package: "swift-log"),
      ]),

    // Tests, each beside what it tests by name, and what they share.
    .target(name: "TestSupport", dependencies: ["Kernels"], path: "Tests/TestSupport"),
    .target(name: "WorldContract", dependencies: ["Ranks", "Kernels"], path: "Tests/WorldContract"),
    .executableTarget(
      name: "world-contract-probe", dependencies: ["WorldContract"], path: "Tests/WorldContractProbe"),
    .testTarget(name: "KernelsTests", dependencies: ["Kernels", "TestSupport"]),
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
    .testTarget(name: "ProgramTests", dependencies: ["TestSupport", "Training", "chartrain-dist"]),
  ],
  swiftLanguageModes: [.v6]
)

// swift-tools-version: 6.0
import PackageDescription

// Link flags that make the shared library self-contained (static Swift runtime, soname, version
// script) are given by the Makefile, not here: unsafe flags in a manifest would keep the engines
// from being used as an ordinary package dependency.

let package = Package(
  name: "kantor",
  products: [
    .library(name: "kantor", type: .dynamic, targets: ["KantorC"]),
    .library(name: "KantorEngines", type: .static, targets: ["KantorCatalog"]),
  ],
  targets: [
    // The hand-written C headers are the contract; KantorC is checked against them.
    .systemLibrary(name: "CKantor", path: "include"),

    .target(name: "CKantorKernels", cSettings: [.define("_GNU_SOURCE")]),
    .target(name: "CKantorSupport"),
    .target(name: "KantorCore", dependencies: ["CKantorSupport"]),
    .target(name: "KantorNumerics", dependencies: ["KantorCore", "CKantorKernels"]),
    .target(name: "KantorTransport", dependencies: ["KantorNumerics"]),
    .target(name: "KantorCatalog", dependencies: ["KantorTransport"]),
    .target(name: "KantorC", dependencies: ["CKantor", "CKantorSupport", "KantorCatalog"]),

    .target(name: "TestSupport", dependencies: ["KantorCatalog"], path: "Tests/TestSupport"),
    .testTarget(
      name: "KernelTests", dependencies: ["CKantorKernels"], path: "Tests/KernelTests"),
    .testTarget(name: "KantorCoreTests", dependencies: ["TestSupport"]),
    .testTarget(name: "KantorTransportTests", dependencies: ["TestSupport"]),
    .testTarget(name: "ConformanceTests", dependencies: ["TestSupport"]),
  ]
)

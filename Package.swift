// swift-tools-version: 6.0
import PackageDescription

// Link flags that make the shared library self-contained (static Swift runtime, soname, version
// script) are given by the Makefile, not here: unsafe flags in a manifest would keep the engines
// from being used as an ordinary package dependency.

// Every target names all that lies below it, not only its neighbours: the build system rebuilds a
// module for what is named, and after a change of a type's layout further down, a module that was
// left as it is would read memory wrongly.
let core: [Target.Dependency] = ["CKantorSupport", "KantorCore"]
let numerics = core + ["CKantorKernels", "COpenBLAS", "KantorNumerics"]
let blocks = numerics + ["KantorBlocks"]
let cone = blocks + ["KantorCone"]
let transport = cone + ["KantorTransport"]
let engines = transport + ["KantorEquilibrium", "KantorNonlinear"]
let bilevel = engines + ["KantorBilevel"]
let catalog = bilevel + ["KantorCatalog"]

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
    .target(name: "COpenBLAS", cSettings: [.define("_GNU_SOURCE")]),
    .target(name: "KantorCore", dependencies: ["CKantorSupport"]),
    .target(name: "KantorNumerics", dependencies: core + ["CKantorKernels", "COpenBLAS"]),
    .target(name: "KantorBlocks", dependencies: numerics),
    .target(name: "KantorCone", dependencies: blocks),
    .target(name: "KantorTransport", dependencies: cone),
    .target(name: "KantorEquilibrium", dependencies: cone),
    .target(name: "KantorNonlinear", dependencies: cone),
    .target(name: "KantorBilevel", dependencies: engines),
    .target(name: "KantorCatalog", dependencies: bilevel),
    .target(name: "KantorC", dependencies: catalog + ["CKantor"]),

    .target(name: "TestSupport", dependencies: catalog, path: "Tests/TestSupport"),
    .testTarget(
      name: "KernelTests", dependencies: numerics, path: "Tests/KernelTests"),
    .testTarget(name: "KantorCoreTests", dependencies: catalog + ["TestSupport"]),
    .testTarget(name: "KantorBlocksTests", dependencies: catalog + ["TestSupport"]),
    .testTarget(name: "KantorConeTests", dependencies: catalog + ["TestSupport"]),
    .testTarget(
      name: "KantorBilevelTests", dependencies: catalog + ["TestSupport"],
      exclude: ["Cases/bilevel_cases.json", "Cases/library_cases.json"]),
    .testTarget(name: "KantorEquilibriumTests", dependencies: catalog + ["TestSupport"]),
    .testTarget(name: "KantorNonlinearTests", dependencies: catalog + ["TestSupport"]),
    .testTarget(name: "KantorNumericsTests", dependencies: numerics + ["TestSupport"]),
    .testTarget(name: "KantorTransportTests", dependencies: catalog + ["TestSupport"]),
    .testTarget(name: "ConformanceTests", dependencies: catalog + ["TestSupport"]),
  ]
)

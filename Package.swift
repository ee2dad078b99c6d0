// swift-tools-version: 6.2
import PackageDescription

// What every Swift target of ours is built with.
let strict: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .treatAllWarnings(as: .error),
    // A type's metadata is asked of its accessor, not looked up by its mangled name: the look-ups cost a fifth of the
    // time of `swiftrun run`, and a third of its page faults. A flag of the frontend of Swift 6.2 and 6.3, without a promise:
    // a compiler that does not know it says so.
    .unsafeFlags(
        ["-Xfrontend", "-disable-concrete-type-metadata-mangled-name-accessors"], .when(configuration: .release)),
    // A section a function, so that the linker can leave out what is not called, and lay out what is. Swift 6.2 and 6.3.
    .unsafeFlags(["-Xfrontend", "-function-sections"], .when(configuration: .release)),
]

// SWIFTRUN_EMBEDDED=1 builds swiftrun as Embedded Swift, without Swift's runtime; scripts/build does so where the compiler has a
// standard library for it. docs/benchmarks.md says what that saves. All other programs and the tests compile the same
// sources as ordinary Swift.
let isEmbedded = Context.environment["SWIFTRUN_EMBEDDED"] == "1"
// Sources/CGlibc stands in for the Glibc module, which is compiled as ordinary Swift.
let withoutRuntime: [SwiftSetting] =
    isEmbedded
    ? [.enableExperimentalFeature("Embedded"), .unsafeFlags(["-I", "\(Context.packageDirectory)/Sources/CGlibc"])] : []
// The program compiles its modules' functions again and can specialize them; their own objects would only be time lost.
let runtimeModule: [SwiftSetting] =
    strict + withoutRuntime + (isEmbedded ? [.unsafeFlags(["-Xfrontend", "-emit-empty-object-file"])] : [])

// Release binaries carry everything they need: no shared library of a container or a host is ever loaded.
let selfContained: [LinkerSetting] = [
    .unsafeFlags(["-static-executable", "-Xlinker", "--gc-sections"], .when(configuration: .release))
]

// The libraries by name, because modules without an object name none.
let runtimeLibraries: [LinkerSetting] =
    isEmbedded
    ? [
        .linkedLibrary("json-c"), .linkedLibrary("seccomp"), .linkedLibrary("swiftUnicodeDataTables"),
        .linkedLibrary("m"),
        .unsafeFlags(["-Xclang-linker", "-static", "-Xlinker", "--gc-sections"]),
    ] : selfContained

// What a static program with Foundation inside needs besides; the compiler names these libraries too early.
let withFoundation: [LinkerSetting] = [
    .linkedLibrary("_FoundationCollections", .when(configuration: .release)),
    .linkedLibrary("_FoundationCShims", .when(configuration: .release)),
]

let system: Target.Dependency = .product(name: "SystemPackage", package: "swift-system")
let arguments: Target.Dependency = .product(name: "ArgumentParser", package: "swift-argument-parser")
let subprocess: Target.Dependency = .product(name: "Subprocess", package: "swift-subprocess")
let protobuf: Target.Dependency = .product(name: "SwiftProtobuf", package: "swift-protobuf")
let nio: [Target.Dependency] = [
    .product(name: "NIOCore", package: "swift-nio"),
    .product(name: "NIOPosix", package: "swift-nio"),
]

// SWIFTRUN_PLAIN=1 builds swiftrun without the tricks that make its start fast, to find out whether one of them is to blame
// for a fault: the stand-ins for parts of Swift's runtime and of glibc, the order of functions, no tables for unwinding.
let isPlain = Context.environment["SWIFTRUN_PLAIN"] == "1"
let layout: [LinkerSetting] =
    isPlain
    ? []
    : [
        // Functions that a command runs through lie side by side; see scripts/order.
        .unsafeFlags(
            [
                "-Xlinker", "--symbol-ordering-file=\(Context.packageDirectory)/scripts/tools/call-order.txt",
                "-Xlinker", "--no-warn-symbol-ordering",
                "-Xlinker", "\(Context.packageDirectory)/scripts/tools/sections.ld",
            ], .when(configuration: .release))
    ]

let package = Package(
    name: "swiftrun",
    products: [
        .executable(name: "swiftrun", targets: ["swiftrun"]),
        .executable(name: "swift-shim", targets: ["swift-shim"]),
        .executable(name: "bundle-harness", targets: ["bundle-harness"]),
        // Parts for other projects; see docs/libraries.md.
        .library(name: "OCISpec", targets: ["OCISpec"]),
        .library(name: "TTRPC", targets: ["TTRPC"]),
        .library(name: "ShimAPI", targets: ["ShimAPI"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-system", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
        .package(url: "https://github.com/swiftlang/swift-subprocess", from: "1.0.0"),
        .package(url: "https://github.com/apple/swift-protobuf", from: "1.39.0"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.0"),
    ],
    targets: [
        // The kernel.
        .target(name: "CLinux"),
        .target(name: "Kernel", dependencies: ["CLinux"], swiftSettings: runtimeModule + [.strictMemorySafety()]),

        // The runtime: data, decisions, resources, execution, command line.
        .systemLibrary(name: "CJSON", providers: [.apt(["libjson-c-dev"])]),
        .systemLibrary(name: "CSeccomp", providers: [.apt(["libseccomp-dev"])]),
        .systemLibrary(name: "CCapability", providers: [.apt(["libcap-dev"])]),
        .target(name: "OCISpec", dependencies: ["CJSON"], swiftSettings: runtimeModule + [.strictMemorySafety()]),
        .target(name: "Planning", dependencies: ["OCISpec", "Criu", "Kernel"], swiftSettings: runtimeModule),
        .target(name: "Cgroups", dependencies: ["OCISpec", "Kernel", "CLinux"], swiftSettings: runtimeModule),
        .target(name: "Criu", dependencies: ["Kernel", "CLinux"], swiftSettings: runtimeModule),
        .target(
            name: "ContainerRuntime",
            dependencies: [
                "OCISpec", "Planning", "Cgroups", "Criu", "Kernel", "CLinux", "CSeccomp",
            ],
            swiftSettings: runtimeModule
        ),
        .target(
            name: "CSealedStart",
            cSettings: (isPlain ? [] : [.define("STANDS_IN_FOR_RUNTIME", .when(configuration: .release))])
                + (isEmbedded ? [.define("WITHOUT_RUNTIME")] : [])),
        .executableTarget(
            name: "swiftrun",
            dependencies: ["ContainerRuntime", "Cgroups", "OCISpec", "Kernel", "CLinux", "CSealedStart"],
            swiftSettings: strict + withoutRuntime,
            linkerSettings: runtimeLibraries + layout + [
                .unsafeFlags(["-Xlinker", "--entry=sealed_start", "-use-ld=lld"], .when(configuration: .release))
            ]
        ),

        // The shim: wire, messages, service, entry point.
        .target(name: "TTRPC", dependencies: ["Kernel"] + nio, swiftSettings: strict),
        .target(name: "ShimAPI", dependencies: [protobuf], exclude: ["Protos"]),
        .target(name: "CPod"),
        .target(
            name: "Shim",
            dependencies: ["TTRPC", "ShimAPI", "OCISpec", "Cgroups", "Kernel", "CLinux", "CPod", protobuf]
                + nio,
            swiftSettings: strict
        ),
        .executableTarget(
            name: "swift-shim",
            dependencies: ["Shim"],
            swiftSettings: strict,
            // The static FoundationEssentials, whose Data SwiftProtobuf uses, does not name what it needs itself.
            linkerSettings: selfContained + [
                .linkedLibrary("_FoundationCollections", .when(configuration: .release)),
                .linkedLibrary("_FoundationCShims", .when(configuration: .release)),
            ]
        ),

        // The bundle harness, and the program that looks around inside a container.
        .target(name: "CCompatCall"),
        .target(
            name: "BundleHarness", dependencies: ["OCISpec", "CLinux", "CCompatCall", subprocess, system],
            swiftSettings: strict),
        .executableTarget(
            name: "bundle-harness",
            dependencies: ["BundleHarness", arguments, system],
            swiftSettings: strict,
            linkerSettings: selfContained + withFoundation
        ),
        .target(name: "CRuntimePaths"),
        .executableTarget(
            name: "witness",
            dependencies: ["CLinux", "CCompatCall", "CRuntimePaths"],
            swiftSettings: strict,
            linkerSettings: selfContained
        ),

        // Kills a program at a system call of one's choice, or makes the call fail; for the tests of crash safety.
        .executableTarget(
            name: "fault-injector",
            dependencies: ["Kernel", "CLinux", "CSeccomp"],
            swiftSettings: strict,
            linkerSettings: selfContained
        ),

        // Times runtimes side by side; see scripts/bench. The floor beside it is C, and built there.
        .executableTarget(
            name: "runtime-bench",
            dependencies: ["CLinux", arguments],
            swiftSettings: strict
        ),

        // Throws changed configs at the decoder and the planner; see scripts/fuzz.
        .executableTarget(
            name: "config-fuzzer",
            dependencies: ["OCISpec", "Planning", "Cgroups", "Kernel", "CLinux"],
            swiftSettings: strict
        ),

        // Tests, and what they need of C.
        .target(name: "CLinuxConstants", path: "Tests/CLinuxConstants"),
        .testTarget(
            name: "KernelTests", dependencies: ["Kernel", "CLinux", "CLinuxConstants", "CCapability"],
            swiftSettings: strict),
        .testTarget(name: "OCISpecTests", dependencies: ["OCISpec", "Kernel"], swiftSettings: strict),
        .testTarget(
            name: "PlanningTests", dependencies: ["Planning", "Criu", "OCISpec", "Kernel", "CLinuxConstants"],
            swiftSettings: strict),
        .testTarget(
            name: "CgroupsTests", dependencies: ["Cgroups", "OCISpec", "Kernel"], swiftSettings: strict),
        .testTarget(name: "CriuTests", dependencies: ["Criu", "Kernel"], swiftSettings: strict),
        .testTarget(
            name: "ContainerRuntimeTests",
            dependencies: ["ContainerRuntime", "Planning", "Cgroups", "OCISpec", "Kernel", "CSeccomp"],
            swiftSettings: strict
        ),
        .testTarget(name: "TTRPCTests", dependencies: ["TTRPC"] + nio, swiftSettings: strict),
        .testTarget(
            name: "ShimTests",
            dependencies: ["Shim", "TTRPC", "ShimAPI", "Cgroups", "OCISpec", "Kernel", "CLinux", protobuf]
                + nio,
            swiftSettings: strict
        ),
        .testTarget(name: "BundleHarnessTests", dependencies: ["BundleHarness", system], swiftSettings: strict),
        .testTarget(
            name: "SystemTests",
            dependencies: ["OCISpec", "Kernel", "TTRPC", "ShimAPI", subprocess, system, protobuf] + nio,
            exclude: ["costs.json"],
            swiftSettings: strict
        ),
    ]
)

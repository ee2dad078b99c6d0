// swift-tools-version: 6.2
import PackageDescription

// Another package names the repository and a version in place of the path.
let package = Package(
    name: "LibraryExample",
    dependencies: [
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.0"),
        .package(url: "https://github.com/apple/swift-protobuf", from: "1.39.0"),
        .package(name: "swiftrun", path: "../.."),
    ],
    targets: [
        .executableTarget(
            name: "LibraryExample",
            dependencies: [
                .product(name: "OCISpec", package: "swiftrun"),
                .product(name: "TTRPC", package: "swiftrun"),
                .product(name: "ShimAPI", package: "swiftrun"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "SwiftProtobuf", package: "swift-protobuf"),
            ],
            path: ".", exclude: ["Package.swift"])
    ]
)

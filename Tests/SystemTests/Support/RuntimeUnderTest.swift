// The runtimes of the system tests: ours, and Debian's runc, which reveals a wrong expectation.

import Subprocess
import SystemPackage
import Testing

/// An OCI runtime by its path.
struct RuntimeUnderTest: Sendable, Hashable, CustomTestStringConvertible {
    let name: String
    let path: String

    var testDescription: String { name }
    var isOurs: Bool { name == "swiftrun" }

    static let checkout = #filePath.split(separator: "/").dropLast(4).reduce("") { $0 + "/" + $1 }
    static let swiftrun = RuntimeUnderTest(name: "swiftrun", path: checkout + "/.build/dist/swiftrun")
    static let runc = RuntimeUnderTest(name: "runc", path: "/usr/sbin/runc")
    /// Tests of behaviour that engines rely on run on both.
    static let all = [swiftrun, runc]
    /// For behaviour of ours only, or where the specification supports it.
    static let ours = [swiftrun]
}

/// The status of a command and its output.
struct Outcome: Sendable, Equatable {
    var status: Int
    var output: String
    var errors: String

    var lines: [String] { output.split(separator: "\n").map(String.init) }
}

/// Runs a program to its end.
func execute(
    _ path: String, _ arguments: [String], in directory: String? = nil, input: String = "",
    environment: [String: String] = [:]
) async throws -> Outcome {
    var changes: [Environment.Key: String?] = [:]
    for (name, value) in environment { changes[Environment.Key(rawValue: name) ?? "_"] = value }
    let result = try await Subprocess.run(
        .path(FilePath(path)), arguments: Arguments(arguments), environment: .inherit.updating(changes),
        workingDirectory: directory.map { FilePath($0) }, input: .string(input), output: .string(limit: 4 << 20),
        error: .string(limit: 4 << 20))
    let status: Int
    switch result.terminationStatus {
    case .exited(let code): status = Int(code)
    case .signaled(let signal): status = 128 + Int(signal)
    }
    return Outcome(status: status, output: result.standardOutput, errors: result.standardError)
}

/// Runs a script of the host's shell.
func shell(_ script: String, in directory: String? = nil) async throws -> Outcome {
    try await execute("/bin/sh", ["-c", script], in: directory)
}

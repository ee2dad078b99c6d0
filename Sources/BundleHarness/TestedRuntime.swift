// A runtime under test: a command line, and its identity.

/// The name and version that a runtime prints.
package struct RuntimeIdentity: Sendable, Equatable {
    package var name: String
    package var version: [Int]

    package init(name: String, version: [Int]) {
        self.name = name
        self.version = version
    }

    /// Parses the first line of `--version`: `NAME version 1.2.3-rest`.
    package init(versionText: String, fallback: String) {
        let words = (versionText.split(separator: "\n").first ?? "").split(separator: " ").map(String.init)
        guard let index = words.firstIndex(of: "version"), index > 0, words.count > index + 1 else {
            self.init(name: fallback, version: [])
            return
        }
        let digits = words[index + 1].prefix { $0.isNumber || $0 == "." }
        self.init(name: words[index - 1], version: digits.split(separator: ".").compactMap { Int($0) })
    }
}

/// A runtime and the flags for every call.
package struct TestedRuntime: Sendable, Equatable {
    /// The column heading: the text on the command line, without the directory.
    package var label: String
    package var executable: String
    package var flags: [String]
    package var identity: RuntimeIdentity

    /// Whether systemd creates the cgroups, which are then named as units.
    package var asksSystemd: Bool { flags.contains { $0.hasSuffix("-systemd-cgroup") } }

    package init(label: String, executable: String, flags: [String], identity: RuntimeIdentity) {
        self.label = label
        self.executable = executable
        self.flags = flags
        self.identity = identity
    }

    /// Finds a runtime and reads its identity.
    /// - Parameter text: a path or command with optional flags: `/usr/bin/crun --systemd-cgroup`.
    /// - Returns: the runtime with its absolute path.
    /// - Throws: `CaseError` if there is no such command, or it does not print a version.
    package static func find(_ text: String) async throws(CaseError) -> TestedRuntime {
        let words = text.split(separator: " ").map(String.init)
        guard let first = words.first, let path = findCommand(first) else {
            throw CaseError("--runtime \(text): no such command")
        }
        let executable = path.hasPrefix("/") ? path : absolute(path)
        let answer = try await capture(executable, ["--version"])
        let fallback = executable.lastPart
        return TestedRuntime(
            label: ([fallback] + words.dropFirst()).joined(separator: " "), executable: executable,
            flags: Array(words.dropFirst()), identity: RuntimeIdentity(versionText: answer, fallback: fallback))
    }
}

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
    /// - Parameter text: a path or command with optional flags: `/usr/bin/crun --systemd-cgroup`. Quotes and backslashes
    /// have their meaning in a shell.
    /// - Returns: the runtime with its absolute path.
    /// - Throws: `CaseError` if there is no such command, or it does not print a version.
    static func find(_ text: String) async throws(CaseError) -> TestedRuntime {
        let words = try shellWords(text)
        guard let first = words.first, let path = findCommand(first) else {
            throw CaseError("--runtime \(text): no such command")
        }
        let executable = path.hasPrefix("/") ? path : absolute(path)
        let answer = try await capture(executable, ["--version"])
        let fallback = executable.lastPart
        return TestedRuntime(
            label: ([fallback] + words.dropFirst()).map(shellQuoted).joined(separator: " "), executable: executable,
            flags: Array(words.dropFirst()), identity: RuntimeIdentity(versionText: answer, fallback: fallback))
    }

    /// Finds all runtimes; each has another label.
    /// - Throws: `CaseError` for the first that cannot be used.
    package static func find(all texts: [String]) async throws(CaseError) -> [TestedRuntime] {
        var runtimes: [TestedRuntime] = []
        for text in texts { runtimes.append(try await find(text)) }
        let labels = distinctLabels(runtimes.map(\.label), inFull: texts)
        for (index, label) in labels.enumerated() { runtimes[index].label = label }
        return runtimes
    }

    /// Labels of which each is there once: two builds of one runtime are called as on the command line, and by number if that
    /// is the same too.
    package static func distinctLabels(_ short: [String], inFull texts: [String]) -> [String] {
        let isTaken = { (label: String, labels: [String]) in labels.count { $0 == label } > 1 }
        let longer = zip(short, texts).map { isTaken($0, short) ? $1 : $0 }
        var labels: [String] = []
        for label in longer {
            var number = 1
            var candidate = label
            while labels.contains(candidate) {
                number += 1
                candidate = "\(label) (\(number))"
            }
            labels.append(candidate)
        }
        return labels
    }
}

/// The words of a text, divided as a shell does: at blanks, but not where quotes or a backslash protect them.
/// - Throws: `CaseError` if a quote is not closed.
package func shellWords(_ text: String) throws(CaseError) -> [String] {
    var words: [String] = []
    var word: String?
    var quote: Character?
    var rest = text[...]
    while let character = rest.popFirst() {
        switch (character, quote) {
        case ("'", "'"), ("\"", "\""): quote = nil
        case ("'", nil), ("\"", nil):
            quote = character
            word = word ?? ""
        case ("\\", nil), ("\\", "\""):
            guard let next = rest.popFirst() else {
                throw CaseError("--runtime \(text): nothing follows the backslash")
            }
            // Between double quotes a backslash protects only what has a meaning there.
            let isPlain = quote != nil && !"\"\\$`".contains(next)
            word = (word ?? "") + (isPlain ? "\\" : "") + String(next)
        case (" ", nil), ("\t", nil), ("\n", nil):
            if let done = word { words.append(done) }
            word = nil
        default: word = (word ?? "") + String(character)
        }
    }
    if let quote { throw CaseError("--runtime \(text): the quote \(quote) is not closed") }
    return words + [word].compactMap(\.self)
}

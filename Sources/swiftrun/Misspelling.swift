// What may have been meant by a command or an option that swiftrun does not have.

internal import Kernel
internal import OCISpec

enum Misspelling {
    /// Commands of docker, podman and the shell, and those that do the same here.
    private static let otherCommands = [
        ("rm", "delete"), ("remove", "delete"), ("stop", "kill"), ("ls", "list"), ("top", "ps"), ("unpause", "resume"),
        ("stats", "events"), ("version", "--version"),
    ]
    private static let otherOptions = [
        ("it", "tty"), ("ti", "tty"), ("i", "tty"), ("workdir", "cwd"), ("w", "cwd"), ("cpus", "cpu-quota"),
    ]

    static func ofCommand(_ name: String) -> String {
        if let other = otherCommands.first(where: { $0.0 == name }) { return " (did you mean \(other.1)?)" }
        return suggestion(for: name, among: Command.all.map { $0.name })
    }

    /// - Parameter name: without dashes.
    static func ofOption(_ name: String, _ table: [Option]) -> String {
        let shown = table.filter { !$0.isHidden }.map { "--" + $0.name }
        if let other = otherOptions.first(where: { $0.0 == name }).map({ "--" + $0.1 }), shown.contains(other) {
            return " (did you mean \(other)?)"
        }
        return suggestion(for: "--" + name, among: shown, prefix: "--")
    }

    /// The error for a signal that is given as to kill(1), `-9 ID` or `-s KILL ID`; nil if none is.
    /// - Parameter words: the words after `kill`.
    static func ofSignal(_ words: [String]) -> String? {
        guard let index = words.firstIndex(where: { $0.hasPrefix("-") && $0 != "--" }) else { return nil }
        let name = String(words[index].drop { $0 == "-" })
        let parts = name.split(separator: "=", maxSplits: 1).map(String.init)
        var rest = words
        rest.remove(at: index)
        var signal = name
        if parts.first == "s" || parts.first == "signal" {
            if parts.count == 2 { signal = parts[1] } else if index < rest.count { signal = rest.remove(at: index) }
        }
        guard Signal(signal) != nil else { return nil }
        let id = rest.first { !$0.hasPrefix("-") } ?? "ID"
        if signal == name, words[..<index].contains(where: { !$0.hasPrefix("-") }) {
            return "\(words[index]): the signal is written without a dash: swiftrun kill \(id) \(signal)"
        }
        return "\(words[index]): the signal follows the container: swiftrun kill \(id) \(signal)"
    }
}

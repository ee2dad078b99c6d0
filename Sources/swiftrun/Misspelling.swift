// What may have been meant by a command or an option that swiftrun does not have.

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
}

// Help and version, made from the tables.

internal import CLinux
internal import ContainerRuntime
internal import OCISpec

enum Help {
    /// The first line and `commit:` are parsed by engines.
    static var version: String {
        """
        swiftrun version \(CLINUX_PROJECT_VERSION)
        commit: \(BuildCommit.text)
        spec: \(Spec.supportedVersion)
        libseccomp: \(libseccompVersion())
        """
    }

    static var overview: String {
        """
        swiftrun - an OCI container runtime

        Usage: swiftrun [global options] COMMAND [options] [arguments]

        Wherever a container's id is expected, a path to its bundle (./web) stands for the container named after it.

        Commands:
        \(rows(Command.all.map { ($0.name, $0.summary) }))

        Global options:
        \(rows(GlobalOptions.all))
        """
    }

    static func text(_ command: Command) -> String {
        """
        swiftrun \(command.name) - \(command.summary)

        Usage: swiftrun \(command.name) [options] \(command.usage)

        Options:
        \(rows(command.shownOptions))
        """
    }

    private static func rows(_ options: [Option]) -> String {
        rows(
            options.filter { !$0.isHidden }.map { option in
                let short = option.short.map { "-\($0), " } ?? "    "
                return (short + "--" + option.name + (option.argument.map { " " + $0 } ?? ""), option.help)
            })
    }

    private static func rows(_ entries: [(String, String)]) -> String {
        let width = (entries.map { $0.0.count }.max() ?? 0) + 2
        return entries.map { "  " + $0.0.padded(to: width) + $0.1 }.joined(separator: "\n")
    }
}

extension String {
    /// With blanks at its end, up to a width.
    func padded(to width: Int) -> String { self + String(repeating: " ", count: max(0, width - count)) }
}

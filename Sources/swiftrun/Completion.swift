// Completions for shells, made from the tables of options.

internal import ContainerRuntime

extension Command {
    static let completion = Command(
        name: "completion", summary: "print a shell's completion of this command line", usage: "bash|zsh|fish",
        options: [], arguments: 1...1
    ) { call throws(CommandError) in
        switch call.options.arguments[0] {
        case "bash": try printText(BashCompletion.text)
        case "zsh": try printText(ZshCompletion.text)
        case "fish": try printText(FishCompletion.text)
        case let shell:
            throw .usage(UsageError(message: "no completion for \"\(shell)\": bash, zsh and fish are known"))
        }
        return 0
    }
}

/// The completions of an argument.
enum Completed {
    case words([String])
    case files, directories, nothing

    init(_ argument: String) {
        let words = argument.split { $0 == "|" }.map(String.init)
        switch argument {
        case _ where words.count > 1: self = .words(words)
        case "FILE", "PATH": self = .files
        case "DIR": self = .directories
        default: self = .nothing
        }
    }
}

extension Option {
    /// All spellings, with dashes.
    var spellings: [String] { (short.map { ["-\($0)"] } ?? []) + ["--\(name)"] }
}

extension Command {
    /// The completions for the shells.
    var shownOptions: [Option] { options.filter { !$0.isHidden } + [GlobalOptions.help] }
    /// Whether the command's first argument is a container.
    var takesContainer: Bool { usage.hasPrefix(Command.containerArgument) }
    /// Words that its first argument is one of.
    var firstWords: [String] {
        guard case .words(let words) = Completed(String(usage.prefix { $0 != " " })) else { return [] }
        return takesContainer ? [] : words
    }
    /// Whether the second argument is a container.
    var takesContainerSecond: Bool {
        !takesContainer && usage.split { $0 == " " }.dropFirst().first == "<container-id"
    }
}

/// bash(1), Programmable Completion.
private enum BashCompletion {
    static var text: String {
        """
        # bash completion for swiftrun; made by `swiftrun completion bash`
        _swiftrun() {
            local current=$2 previous=$3 command='' position=0 i
            COMPREPLY=()
            for ((i = 1; i < COMP_CWORD; i++)); do
                case "$command ${COMP_WORDS[i]}" in
        \(skipped)
                    *' -'*) ;;
                    *) if [ -z "$command" ]; then command=${COMP_WORDS[i]}; else ((position++)); fi ;;
                esac
            done
            case "$command $previous" in
        \(values)
            esac
            case "$command ${current:0:1}" in
                ' -') _swiftrun_words \(words(GlobalOptions.shown)); return ;;
        \(options)
            esac
            case "$command $position" in
                ' 0') _swiftrun_words \(Command.all.map { $0.name }.joined(separator: " ")) ;;
        \(arguments)
            esac
        }
        _swiftrun_words() { mapfile -t COMPREPLY < <(compgen -W "$*" -- "$current"); }
        _swiftrun_files() { compopt -o filenames; mapfile -t COMPREPLY < <(compgen "$1" -- "$current"); }
        _swiftrun_container() {
            compopt -o filenames
            mapfile -t COMPREPLY < <(compgen -W "$(swiftrun list --quiet 2>/dev/null)" -- "$current"; compgen -d -- "$current")
        }
        complete -F _swiftrun swiftrun
        """
    }

    private static var tables: [(command: String, options: [Option])] {
        [("", GlobalOptions.shown)] + Command.all.map { ($0.name, $0.shownOptions) }
    }

    // Options whose argument is the next word.
    private static var skipped: String {
        tables.compactMap { table in
            let patterns = table.options.filter { $0.argument != nil }.flatMap { $0.spellings }
            guard !patterns.isEmpty else { return nil }
            return "            " + patterns.map { "'\(table.command) \($0)'" }.joined(separator: " | ")
                + ") ((i++)) ;;"
        }.joined(separator: "\n")
    }

    private static var values: String {
        tables.flatMap { table in
            table.options.compactMap { option in
                guard let argument = option.argument else { return nil }
                let patterns = option.spellings.map { "'\(table.command) \($0)'" }.joined(separator: " | ")
                return "        \(patterns)) \(action(Completed(argument))) return ;;"
            }
        }.joined(separator: "\n")
    }

    private static var options: String {
        Command.all.map { "        '\($0.name) -') _swiftrun_words \(words($0.shownOptions)); return ;;" }
            .joined(separator: "\n")
    }

    private static var arguments: String {
        Command.all.flatMap { command in
            var lines: [String] = []
            if command.takesContainer { lines.append("        '\(command.name) 0') _swiftrun_container ;;") }
            if !command.firstWords.isEmpty {
                lines.append(
                    "        '\(command.name) 0') _swiftrun_words \(command.firstWords.joined(separator: " ")) ;;")
            }
            if command.takesContainerSecond {
                lines.append("        '\(command.name) 1') _swiftrun_container ;;")
                lines.append("        '\(command.name) 2') _swiftrun_files -f ;;")
            }
            return lines
        }.joined(separator: "\n")
    }

    private static func action(_ completed: Completed) -> String {
        switch completed {
        case .words(let words): "_swiftrun_words \(words.joined(separator: " "));"
        case .files: "_swiftrun_files -f;"
        case .directories: "_swiftrun_files -d;"
        case .nothing: ""
        }
    }

    private static func words(_ options: [Option]) -> String {
        options.flatMap { $0.spellings }.joined(separator: " ")
    }
}

/// zshcompsys(1).
private enum ZshCompletion {
    static var text: String {
        """
        #compdef swiftrun
        # zsh completion for swiftrun; made by `swiftrun completion zsh`
        _swiftrun_container() {
            local -a ids
            ids=(${(f)"$(swiftrun list --quiet 2>/dev/null)"})
            _alternative 'ids:container:compadd -a ids' 'bundles:bundle:_files -/'
        }
        _swiftrun() {
            local curcontext=$curcontext state line
            _arguments -C \(arguments(GlobalOptions.shown)) '1:command:->command' '*::argument:->argument'
            case $state in
            command)
                local -a commands
                commands=(\(Command.all.map { quoted($0.name + ":" + $0.summary) }.joined(separator: " ")))
                _describe command commands ;;
            argument)
                case $words[1] in
        \(Command.all.map(line).joined(separator: "\n"))
                esac ;;
            esac
        }
        if [ "$funcstack[1]" = _swiftrun ]; then _swiftrun "$@"; else compdef _swiftrun swiftrun; fi
        """
    }

    private static func line(_ command: Command) -> String {
        var words = [arguments(command.shownOptions)]
        if command.takesContainer { words.append("'1:container:_swiftrun_container'") }
        if !command.firstWords.isEmpty {
            words.append(quoted("1:word:(" + command.firstWords.joined(separator: " ") + ")"))
        }
        if command.takesContainerSecond { words += ["'2:container:_swiftrun_container'", "'3:file:_files'"] }
        return "        \(command.name)) _arguments -S \(words.joined(separator: " ")) ;;"
    }

    private static func arguments(_ options: [Option]) -> String {
        options.map { option in
            var tail = "[" + escaped(option.help) + "]"
            if let argument = option.argument { tail += ":\(argument):" + action(Completed(argument)) }
            let spellings = option.spellings
            guard spellings.count > 1 else { return quoted("--\(option.name)\(tail)") }
            return quoted("(" + spellings.joined(separator: " ") + ")") + "{" + spellings.joined(separator: ",") + "}"
                + quoted(tail)
        }.joined(separator: " ")
    }

    private static func action(_ completed: Completed) -> String {
        switch completed {
        case .words(let words): "(" + words.joined(separator: " ") + ")"
        case .files: "_files"
        case .directories: "_files -/"
        case .nothing: ""
        }
    }

    private static func escaped(_ text: String) -> String {
        var result = ""
        for character in text {
            if "[]:\\".contains(character) { result.append("\\") }
            result.append(character)
        }
        return result
    }

    private static func quoted(_ text: String) -> String { text.quotedForShell }
}

/// fish's complete(1).
private enum FishCompletion {
    static var text: String {
        let names = Command.all.map { $0.name }.joined(separator: " ")
        var lines = [
            "# fish completion for swiftrun; made by `swiftrun completion fish`",
            "complete -c swiftrun -f",
            "set -l swiftrun_commands \(names)",
        ]
        let first = "-n \"not __fish_seen_subcommand_from $swiftrun_commands\""
        lines += GlobalOptions.shown.map { "complete -c swiftrun \(first) \(option($0))" }
        for command in Command.all {
            lines.append(
                "complete -c swiftrun \(first) -a \(command.name) -d \(command.summary.quotedForShell)")
            let within = "-n \"__fish_seen_subcommand_from \(command.name)\""
            lines += command.shownOptions.map { "complete -c swiftrun \(within) \(option($0))" }
            if command.takesContainer || command.takesContainerSecond {
                lines.append(
                    "complete -c swiftrun \(within) -a '(swiftrun list --quiet 2>/dev/null; __fish_complete_directories)'"
                )
            }
            if !command.firstWords.isEmpty {
                lines.append("complete -c swiftrun \(within) -a '\(command.firstWords.joined(separator: " "))'")
            }
        }
        return lines.joined(separator: "\n")
    }

    private static func option(_ option: Option) -> String {
        var text = option.short.map { "-s \($0) " } ?? ""
        text += "-l \(option.name) -d \(option.help.quotedForShell)"
        guard let argument = option.argument else { return text }
        switch Completed(argument) {
        case .words(let words): return text + " -x -a '\(words.joined(separator: " "))'"
        case .files: return text + " -r -F"
        case .directories: return text + " -x -a '(__fish_complete_directories)'"
        case .nothing: return text + " -x"
        }
    }
}

extension String {
    /// As one word of a shell.
    fileprivate var quotedForShell: String {
        var result = "'"
        for character in self {
            if character == "'" { result += "'\\''" } else { result.append(character) }
        }
        return result + "'"
    }
}

// What may come next on a command line that is being typed: the same for all shells.

internal import Cgroups
internal import ContainerRuntime
internal import Glibc
internal import Kernel

/// The words that may stand for an argument.
enum Completed {
    case words([(text: String, about: String)])
    case files, directories, container, signal, nothing

    /// From the argument's name: one in lower case is what has to be typed.
    init(_ argument: String) {
        switch argument {
        case "FILE", "PATH": self = .files
        case "DIR": self = .directories
        case "CAPABILITY": self = .words(CapabilitySet.names.map { ($0, "") })
        case _ where argument == argument.lowercased():
            self = .words(argument.split { $0 == "|" }.map { (String($0), "") })
        default: self = .nothing
        }
    }
}

extension Option {
    /// All spellings, with dashes.
    var spellings: [String] { (short.map { ["-\($0)"] } ?? []) + ["--\(name)"] }
}

extension Command {
    /// The options that help, pages and completions show.
    var shownOptions: [Option] { options.filter { !$0.isHidden } + [GlobalOptions.help] }

    /// The words that each of its arguments may be; those behind them are another program's.
    fileprivate var completed: [Completed] {
        switch name {
        // The container is not there yet.
        case "create", "run", "restore": [.directories]
        case "completion": [Completed(usage)]
        case "manual": [.words(Command.names)]
        case "kill": [.container, .signal]
        case "mounts": [.words([("add", "mount into a container"), ("remove", "unmount")]), .container, .files]
        default: usage.hasPrefix(Command.containerArgument) ? [.container] : []
        }
    }

    fileprivate static var names: [(text: String, about: String)] { all.map { ($0.name, $0.summary) } }
}

/// A command line as far as it has been typed.
private struct TypedLine {
    /// nil before the command, and for one that does not exist.
    private(set) var command: Command?
    private(set) var isCommandTyped = false
    private(set) var given: [(option: String, value: String)] = []
    private(set) var arguments: [String] = []
    /// The option whose argument comes next.
    private(set) var awaiting: Option?
    /// Whether a word with a dash is an argument too.
    private(set) var isPastOptions = false

    init(_ words: some Sequence<String>) {
        for word in words { read(word) }
    }

    /// The options that are understood here.
    var options: [Option] {
        guard isCommandTyped else { return GlobalOptions.all }
        return (command?.options ?? []) + [GlobalOptions.help]
    }

    /// Whether commands are the arguments.
    var isHelp: Bool { isCommandTyped && command == nil && arguments.first == "help" }

    func option(named name: String) -> Option? {
        let table = options
        if let exact = table.first(where: { $0.name == name || $0.short.map { String($0) } == name }) { return exact }
        let abbreviated = table.filter { $0.name.hasPrefix(name) }
        return abbreviated.count == 1 ? abbreviated[0] : nil
    }

    private mutating func read(_ word: String) {
        if let option = awaiting {
            given.append((option.name, word))
            awaiting = nil
        } else if !isPastOptions, word == "--" {
            isPastOptions = true
        } else if !isPastOptions, word.hasPrefix("-"), word != "-" {
            readOption(word)
        } else if !isCommandTyped {
            isCommandTyped = true
            isPastOptions = false
            command = Command.all.first { $0.name == word }
            if command == nil { arguments.append(word) }
        } else {
            arguments.append(word)
            if command?.arguments.upperBound == .max { isPastOptions = true }
        }
    }

    private mutating func readOption(_ word: String) {
        let body = word.drop { $0 == "-" }
        let name = String(body.prefix { $0 != "=" })
        if let option = option(named: name) {
            take(option, name.count == body.count ? nil : String(body.dropFirst(name.count + 1)))
            return
        }
        // Letters in one word; the rest behind one that has an argument is the argument.
        guard !word.hasPrefix("--") else { return }
        var letters = body
        while let letter = letters.popFirst() {
            guard let option = options.first(where: { $0.short == letter }) else { return }
            take(option, option.argument == nil || letters.isEmpty ? nil : String(letters))
            if option.argument != nil { return }
        }
    }

    private mutating func take(_ option: Option, _ value: String?) {
        guard option.argument != nil, value == nil else {
            given.append((option.name, value ?? ""))
            return
        }
        awaiting = option
    }
}

/// The answer to a shell: lines of text, for none of the shells has a better language.
struct CompletionOffers {
    private var paths = "none"
    private var prefix = ""
    private var words: [(text: String, about: String)] = []

    /// - Parameter typed: the words after the program's name; the last one is being typed.
    init(_ typed: [String]) {
        let line = TypedLine(typed.dropLast())
        let current = typed.last ?? ""
        if let option = line.awaiting {
            offer(Completed(option.argument ?? ""), current, line)
        } else if line.isPastOptions || !current.hasPrefix("-") {
            offerArgument(line, current)
        } else if let equals = current.firstIndex(of: "=") {
            let name = String(current[..<equals].drop { $0 == "-" })
            guard let argument = line.option(named: name)?.argument else { return }
            let value = current.index(after: equals)
            prefix = String(current[..<value])
            offer(Completed(argument), String(current[value...]), line)
        } else {
            offerOptions(line)
        }
    }

    /// The first line says which paths may stand here too: none, files or directories. The second is the part of the
    /// last word that stays in front of paths and words. Each other line is a word, a tabulator, and what it is about.
    var text: String {
        ([paths, prefix] + words.map { $0.about.isEmpty ? $0.text : "\($0.text)\t\($0.about)" }).joined(separator: "\n")
    }

    private mutating func offerOptions(_ line: TypedLine) {
        for option in line.options where !option.isHidden {
            if !option.isRepeatable, line.given.contains(where: { $0.option == option.name }) { continue }
            words += option.spellings.reversed().map { ($0, option.help) }
        }
    }

    private mutating func offerArgument(_ line: TypedLine, _ current: String) {
        guard line.isCommandTyped else {
            words = Command.names + [("help", "show help")]
            return
        }
        if line.isHelp, line.arguments.count == 1 { words = Command.names }
        guard let command = line.command, line.arguments.count < command.completed.count else { return }
        // With its bundle named, the argument is a new container's id.
        if command.options.contains(where: { $0.name == "config" || $0.name == "image-path" }),
            line.given.contains(where: { $0.option == "bundle" })
        {
            return
        }
        offer(command.completed[line.arguments.count], current, line)
    }

    private mutating func offer(_ completed: Completed, _ current: String, _ line: TypedLine) {
        switch completed {
        case .words(let known): words = known
        case .files: paths = "files"
        case .directories: paths = "directories"
        case .signal:
            let prefix = current.hasPrefix("SIG") ? "SIG" : ""
            words = Signal.names.map { (prefix + $0, "") }
        case .nothing: break
        case .container:
            let ids = Self.containers(line.given.last { $0.option == "root" }?.value)
            words = ids.map { ($0, "container") }
            // A bundle's path has a slash.
            if !ids.contains(where: { $0.hasPrefix(current) }) { paths = "directories" }
        }
    }

    private static func containers(_ root: String?) -> [String] {
        do throws(Failure) {
            let runtime = Runtime(root: try Swiftrun.root(root.map(atHome)), cgroupDriver: .cgroupfs) { _, _ in }
            // Whatever else lies there is no word that a shell could take as it is.
            return try runtime.identifiers(matching: "^[A-Za-z0-9_+.-]+$")
        } catch {
            return []
        }
    }

    // Shells hand over the word as it was typed.
    private static func atHome(_ path: String) -> String {
        guard path == "~" || path.hasPrefix("~/"), let home = getenv("HOME") else { return path }
        return RawText.text(home) + path.dropFirst()
    }
}

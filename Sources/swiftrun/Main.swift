// The program: global options, then a command.

internal import CLinux
internal import CSealedStart
internal import Cgroups
internal import ContainerRuntime
internal import Glibc
internal import OCISpec
internal import Kernel

/// `swiftrun [global options] COMMAND [options] [arguments]`
@main
struct Swiftrun {
    static func main() {
        settleInheritance()
        if let stack = sealed_start_found_stack() { clinux_find_words(stack) }
        exit(run(words()))
    }

    // Isolated to no actor: a closure of main's asks for its executor, and brings in all that concurrency needs.
    private nonisolated static func words() -> [String] {
        var words: [String] = []
        for index in 1..<max(1, Int(clinux_argument_count())) {
            if let word = clinux_arguments()[index] { words.append(RawText.text(word)) }
        }
        return words
    }

    static func run(_ words: [String]) -> Int32 {
        var log = Log()
        do throws(UsageError) {
            let options = try ParsedOptions(words, GlobalOptions.all)
            do throws(Failure) { log = try makeLog(options) } catch { return fail(Log(), error.message, 1) }
            guard let name = options.arguments.first, !options.has("help"), name != "help" else {
                if options.has("version") { return printed(Help.version, log) }
                return help(options, name: options.arguments.first, log)
            }
            if options.has("version") { return printed(Help.version, log) }
            guard let command = Command.all.first(where: { $0.name == name }) else {
                return fail(log, "No help topic for '\(name)'\(Misspelling.ofCommand(name))", 3)
            }
            return try run(command, Array(options.arguments.dropFirst()), options, log)
        } catch {
            explain("Incorrect Usage: \(error.message.withLongValuesCut.printable)\n\n\(Help.overview)")
            return fail(log, error.message, 1)
        }
    }

    private static func help(_ options: ParsedOptions, name: String?, _ log: Log) -> Int32 {
        let topic = options.arguments.first { $0 != "help" }
        let command = Command.all.first { $0.name == topic }
        if let topic, command == nil, name == "help" {
            return fail(log, "No help topic for '\(topic)'\(Misspelling.ofCommand(topic))", 3)
        }
        return printed(command.map(Help.text) ?? Help.overview, log)
    }

    private static func printed(_ text: String, _ log: Log) -> Int32 {
        do throws(Failure) {
            try writeOutput(Array((text + "\n").utf8))
            return 0
        } catch {
            log.fail(error.message, error)
            return 1
        }
    }

    // In addition to the error, which is always reported.
    private static func explain(_ text: String) {
        do throws(Failure) { try writeOutput(Array((text + "\n").utf8)) } catch {}
    }

    private static func fail(_ log: Log, _ message: String, _ status: Int32) -> Int32 {
        log.fail(message)
        return status
    }

    private static func run(
        _ command: Command, _ words: [String], _ global: ParsedOptions, _ log: Log
    ) throws(UsageError) -> Int32 {
        do throws(CommandError) {
            let options = try parse(command, words)
            if options.has("help") {
                try printText(Help.text(command))
                return 0
            }
            let count = options.arguments.count
            guard command.arguments.contains(count) else {
                throw .usage(UsageError(message: wrongCount(command)))
            }
            if command.isSealed, !options.has("dry-run") { try seal() }
            let timings = try timings(command, options, log)
            var call = Invocation(
                runtime: try makeRuntime(global, log), log: log, options: options,
                hasExplicitRoot: global.value("root") != nil)
            call.runtime.timings = timings
            guard let timings else { return try command.run(call) }
            return try timed(timings) { () throws(CommandError) in try command.run(call) }
        } catch {
            switch error {
            case .failure(let cause):
                let failure = cause.namingOldestKernel().namingDescriptorLimit().orRequestToEnd
                log.fail(prefix(command) + failure.message, failure, command: command.name)
                return command.failureStatus
            case .usage(let usage):
                if usage.showsHelp { explain("Incorrect Usage.\n\n\(Help.text(command))") }
                return fail(log, usage.message, 1)
            }
        }
    }

    private static func timings(
        _ command: Command, _ options: ParsedOptions, _ log: Log
    ) throws(CommandError) -> Timings? {
        let path = options.value("timings")
        let name = options.given("timings-format") ?? "text"
        guard let format = Timings.Format(rawValue: name) else {
            throw .failure(Failure(.invalid, "invalid timings-format: \(name) (text and json are known)"))
        }
        let tells = log.level >= .debug && command.options.contains { $0.name == "timings" }
        guard path != nil || tells, !options.has("dry-run") else { return nil }
        let id = options.arguments.first.map { Target($0).id } ?? ""
        var note: Runtime.Note?
        if tells { note = { (_: Runtime.NoteLevel, text: String) in log.write(Log.Level.debug, text) } }
        do throws(Failure) {
            return try Timings(path: path, format, command: command.name, id: id, note: note)
        } catch { throw .failure(error) }
    }

    private static func timed(
        _ timings: Timings, _ body: () throws(CommandError) -> Int32
    ) throws(CommandError) -> Int32 {
        do throws(CommandError) {
            let status = try body()
            timings.write()
            return status
        } catch {
            if case .failure(let failure) = error { timings.write(failure: failure) }
            throw error
        }
    }

    private static func parse(_ command: Command, _ words: [String]) throws(CommandError) -> ParsedOptions {
        do throws(UsageError) {
            // Arguments that a command passes to another program may look like options.
            return try ParsedOptions(
                words, command.options + [GlobalOptions.help],
                stopsAtArgument: command.arguments.upperBound == .max)
        } catch {
            if command.name == "kill", let message = Misspelling.ofSignal(words) {
                throw .usage(UsageError(message: message, showsHelp: false))
            }
            throw .usage(error)
        }
    }

    private static func seal() throws(CommandError) {
        guard sealed_start_found_sealed() == 0 else { return }
        do throws(Failure) { try sealExecutable() } catch { throw .failure(error) }
    }

    // The text that engines show unchanged to their users.
    private static func prefix(_ command: Command) -> String {
        switch command.name {
        case "create": "swiftrun create failed: "
        case "run": "swiftrun run failed: "
        case "exec": "exec failed: "
        default: ""
        }
    }

    private static func wrongCount(_ command: Command) -> String {
        let range = command.arguments
        if range.lowerBound == range.upperBound {
            return "swiftrun: \"\(command.name)\" requires exactly \(range.lowerBound) argument(s)"
        }
        if range.upperBound == .max {
            return "swiftrun: \"\(command.name)\" requires a minimum of \(range.lowerBound) argument(s)"
        }
        return "swiftrun: \"\(command.name)\" requires from \(range.lowerBound) to \(range.upperBound) argument(s)"
    }

    private static func makeLog(_ options: ParsedOptions) throws(Failure) -> Log {
        let format = options.value("log-format") ?? "text"
        guard let format = Log.Format(rawValue: format) else {
            throw Failure(.invalid, "invalid log-format: \(format) (text and json are known)")
        }
        var level: Log.Level?
        if options.has("debug") { level = .debug }
        if let name = options.value("log-level") {
            let levels: [Log.Level] = [.error, .warning, .info, .debug]
            guard let found = levels.first(where: { $0.name == name }) else {
                throw Failure(.invalid, "invalid log-level: \(name) (error, warning, info and debug are known)")
            }
            level = found
        }
        return try Log(path: options.value("log"), format: format, level: level)
    }

    private static func makeRuntime(_ options: ParsedOptions, _ log: Log) throws(CommandError) -> Runtime {
        do throws(Failure) {
            var runtime = Runtime(
                root: try root(options.value("root")), cgroupDriver: try driver(options),
                toleratesCgroupRefusals: try rootless(options)
            ) { level, text in
                log.write(level == .warning ? .warning : .debug, text)
            }
            runtime.tellsWarnings = log.level >= .warning
            return runtime
        } catch {
            throw .failure(error)
        }
    }

    private static func driver(_ options: ParsedOptions) throws(Failure) -> CgroupDriver {
        if options.has("systemd-cgroup") { return .systemd }
        guard let name = options.value("cgroup-manager") else { return .cgroupfs }
        guard let driver = CgroupDriver(rawValue: name) else {
            throw Failure(.invalid, "invalid cgroup-manager: \(name) (cgroupfs, systemd and disabled are known)")
        }
        return driver
    }

    private static func rootless(_ options: ParsedOptions) throws(Failure) -> Bool? {
        switch options.value("rootless") ?? "auto" {
        case "auto", "": return nil
        case "true", "1", "t", "T", "TRUE", "True": return true
        case "false", "0", "f", "F", "FALSE", "False": return false
        case let word:
            throw Failure(.invalid, "invalid value \"\(word)\" for flag -rootless: true, false or auto is needed")
        }
    }

    // As runc decides it: root of a user namespace is the user's engine, unless it says that it is root.
    private static func userRuntimeDirectory() -> String? {
        guard let directory = getenv("XDG_RUNTIME_DIR"), directory.pointee != 0 else { return nil }
        if isRootOfHost() { return nil }
        if geteuid() == 0, let user = getenv("USER"), strcmp(user, "root") == 0 { return nil }
        return RawText.text(directory)
    }

    /// The directory of the records.
    /// - Parameter given: the argument of --root; nil without one.
    static func root(_ given: String?) throws(Failure) -> String {
        guard let given else {
            return try absolute((userRuntimeDirectory() ?? "/run") + "/swiftrun")
        }
        return try absolute(given)
    }

    private static func absolute(_ given: String) throws(Failure) -> String {
        var path = given
        if !path.isAbsolutePath {
            guard let directory = getcwd(nil, 0) else {
                throw Failure(.invalid, "--root \(given): no working directory")
            }
            defer { free(directory) }
            path = RawText.text(directory) + "/" + path
        }
        while path.count > 1, path.hasSuffix("/") { path.removeLast() }
        guard path != "/" else { throw Failure(.invalid, "--root: \"/\" cannot hold containers") }
        return path
    }
}

func endDescriptor(_ descriptor: consuming OwnedDescriptor) { _ = descriptor.rawValue }

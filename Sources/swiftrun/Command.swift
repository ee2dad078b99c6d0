// What a command is: its options, its arguments, and what it does.

internal import ContainerRuntime
internal import Glibc

/// One command of the program.
struct Command: Sendable {
    let name: String
    let summary: String
    /// The arguments, as the usage line shows them.
    let usage: String
    let options: [Option]
    /// How many arguments it takes.
    let arguments: ClosedRange<Int>
    /// Whether it changes what a container could use to get at the runtime's binary: it then runs from a sealed copy.
    var isSealed = false
    /// The exit status of an error.
    var failureStatus: Int32 = 1
    let run: @Sendable (Invocation) throws(CommandError) -> Int32
}

/// How a command fails.
enum CommandError: Error {
    case usage(UsageError)
    case failure(Failure)
}

/// A command as it was called.
struct Invocation {
    let runtime: Runtime
    let log: Log
    let options: ParsedOptions
    /// Whether --root was given.
    let hasExplicitRoot: Bool

    /// The container that an argument names: by id, or by its bundle's path.
    func target(_ position: Int = 0) throws(CommandError) -> Target {
        guard position < options.arguments.count else { return Target(id: "", bundle: nil) }
        return Target(options.arguments[position])
    }

    /// Calls the runtime.
    func perform<Value>(_ body: () throws(Failure) -> Value) throws(CommandError) -> Value {
        do throws(Failure) { return try body() } catch { throw .failure(error) }
    }

    /// Calls the runtime for the container that the first argument names, or for all whose ids it matches (--regex).
    /// - Throws: the first failure, after the others have had their turn.
    func performOnTargets(_ body: (String) throws(Failure) -> Void) throws(CommandError) {
        let target = try target()
        guard options.has("regex") else { return try perform { () throws(Failure) in try body(target.id) } }
        let expression = options.arguments[0]
        let ids = try perform { () throws(Failure) in try runtime.identifiers(matching: expression) }
        var first: Failure?
        for id in ids {
            do throws(Failure) { try body(id) } catch { first = first ?? error.during(id) }
        }
        if let first { throw .failure(first) }
    }

    /// Reads options.
    func read<Value>(_ body: () throws(UsageError) -> Value) throws(CommandError) -> Value {
        do throws(UsageError) { return try body() } catch { throw .usage(error) }
    }
}

/// A container on the command line: an argument with a slash in it (or `.`) is its bundle, which gives it its name.
struct Target {
    var id: String
    var bundle: String?

    init(id: String, bundle: String?) {
        self.id = id
        self.bundle = bundle
    }

    init(_ argument: String) {
        guard argument == "." || argument.contains("/") else {
            self.init(id: argument, bundle: nil)
            return
        }
        // A bundle that is gone still names its container.
        let resolved = realpath(argument, nil).map { pointer in
            defer { free(pointer) }
            return String(cString: pointer)
        }
        let name = (resolved ?? argument).split(separator: "/").last.map(String.init) ?? ""
        self.init(id: name, bundle: argument)
    }
}

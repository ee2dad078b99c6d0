// A command: its options, its arguments, and its function.

internal import ContainerRuntime

/// One command of the program.
struct Command: Sendable {
    let name: String
    let summary: String
    /// The arguments, as the usage line shows them.
    let usage: String
    let options: [Option]
    /// How many arguments it takes.
    let arguments: ClosedRange<Int>
    /// Whether a container could reach the runtime's binary through the command: it then runs from a sealed copy.
    var isSealed = false
    /// The exit status of a failure; a command line that is not understood has 1.
    var failureStatus: Int32 = 1
    let run: @Sendable (Invocation) throws(CommandError) -> Int32
}

/// A command as it was called.
struct Invocation {
    var runtime: Runtime
    let log: Log
    let options: ParsedOptions
    /// Whether the caller gave --root.
    let hasExplicitRoot: Bool

    /// The container that an argument names: by id, or by its bundle's path.
    ///
    /// - Returns: its id, and the runtime that reaches it; one that was named by its bundle is reached by no other.
    func target(_ position: Int = 0) -> (id: String, runtime: Runtime) {
        let target = position < options.arguments.count ? Target(options.arguments[position]) : Target(id: "")
        return (target.id, runtime.expecting(target.bundle))
    }

    /// Calls the runtime.
    func perform<Value>(_ body: () throws(Failure) -> Value) throws(CommandError) -> Value {
        do throws(Failure) { return try body() } catch { throw .failure(error) }
    }

    /// Calls the runtime for the container that the first argument names, or for all whose ids it matches (--regex).
    /// - Throws: the first failure, after the others have had their turn.
    func performOnTargets(_ body: (String, Runtime) throws(Failure) -> Void) throws(CommandError) {
        guard options.has("regex") else {
            let target = target()
            return try perform { () throws(Failure) in try body(target.id, target.runtime) }
        }
        let expression = options.arguments[0]
        let ids = try perform { () throws(Failure) in try runtime.identifiers(matching: expression) }
        var first: Failure?
        for id in ids {
            do throws(Failure) { try body(id, runtime) } catch { first = first ?? error.during(id) }
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
    var bundle: BundlePath?

    init(id: String) { self.id = id }

    init(_ argument: String) {
        id = argument
        guard argument == "." || argument == ".." || argument.utf8.contains(UInt8(ascii: "/")) else { return }
        let bundle = BundlePath(argument)
        id = bundle.name
        self.bundle = bundle
    }
}

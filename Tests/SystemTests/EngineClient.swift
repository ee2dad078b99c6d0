// The command line of an engine, for one test.

import Foundation
import Testing

/// An engine's client that selects one runtime.
struct EngineClient: Sendable {
    let stack: EngineStack
    let host: EngineHost

    /// Calls the engine.
    @discardableResult
    func call(_ arguments: [String], input: String = "") async throws -> Outcome {
        let global = stack.isDocker ? [] : ["--runtime", stack.runtime]
        return try await host.call(["/usr/bin/" + stack.engine.rawValue] + global + arguments, input: input)
    }

    @discardableResult
    func callAsFunction(_ arguments: String..., input: String = "") async throws -> Outcome {
        try await call(arguments, input: input)
    }

    /// The options of a new container that select the runtime, and the cgroup that is checked at the end.
    var choice: [String] {
        stack.isDocker ? ["--runtime", stack.runtime] : ["--cgroup-parent", "/" + host.cgroup]
    }

    /// Runs a program in the foreground, in a container that is removed at its end.
    func run(_ options: String..., program: [String], input: String = "") async throws -> Outcome {
        try await call(["run", "--rm"] + choice + options + [EngineHost.image] + program, input: input)
    }

    /// Runs a shell command in the foreground.
    func run(_ options: String..., shell command: String, input: String = "") async throws -> Outcome {
        try await call(
            ["run", "--rm"] + choice + options + [EngineHost.image, "sh", "-c", command], input: input)
    }

    /// Runs a shell command in the background.
    @discardableResult
    func detach(_ name: String, _ options: String..., shell command: String) async throws -> Outcome {
        let outcome = try await call(
            ["run", "-d", "--name", name] + choice + options + [EngineHost.image, "sh", "-c", command])
        try #require(outcome.status == 0, "\(outcome.errors)")
        return outcome
    }

    /// A field of the engine's data about a container.
    func inspect(_ name: String, _ field: String) async throws -> String {
        try await self("inspect", "--format", "{{\(field)}}", name).output.trimmingCharacters(in: .newlines)
    }

    /// Waits until a field of the container has a value.
    func wait(
        for value: String, in field: String, of name: String, sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        try await eventually("\(field) of \(name) is \(value)", sourceLocation: sourceLocation) {
            try await inspect(name, field) == value
        }
    }

    /// Kills a container and removes it.
    func discard(_ name: String) async throws {
        try await call(["rm", "-f", "-v"] + (stack.isDocker ? [] : ["-t", "0"]) + [name])
    }

    /// Runs a session on a terminal of 30 rows and 70 columns; the script prints the input.
    func terminal(typing script: String, _ arguments: [String]) async throws -> Outcome {
        let global = stack.isDocker ? "" : " --runtime " + stack.runtime
        let words = arguments.map { "'\($0)'" }.joined(separator: " ")
        try host.write(
            "session", "stty rows 30 cols 70\nexec /usr/bin/\(stack.engine)\(global) \(words)\n")
        return try await host.call([
            "/bin/sh", "-c", "(\(script)) | timeout 60 script -qec 'sh \(host.directory)/session' /dev/null",
        ])
    }
}

/// The running engines, each started by the first test that needs it.
actor Engines {
    static let shared = Engines()
    private var starting: [String: Task<EngineHost, any Error>] = [:]

    func host(for stack: EngineStack) async throws -> EngineHost {
        let key = "\(stack.engine) \(stack.hasOurShim)"
        let task = starting[key] ?? Task { try await EngineHost.start(stack) }
        starting[key] = task
        return try await task.value
    }

    func end() async {
        for task in starting.values { await (try? task.value)?.end() }
        starting = [:]
    }
}

/// Stops the engines after all of their tests.
struct EngineScope: SuiteTrait, TestScoping {
    func provideScope(
        for test: Test, testCase: Test.Case?, performing body: @Sendable () async throws -> Void
    ) async throws {
        do {
            try await body()
        } catch {
            await Engines.shared.end()
            throw error
        }
        await Engines.shared.end()
    }
}

/// Runs a test with an engine and checks for traces of its containers.
func withEngine(
    _ stack: EngineStack, sourceLocation: SourceLocation = #_sourceLocation,
    _ body: (EngineClient) async throws -> Void
) async throws {
    let engine = EngineClient(stack: stack, host: try await Engines.shared.host(for: stack))
    do {
        try await body(engine)
    } catch {
        for name in try await engine("ps", "-aq").lines { try await engine.discard(name) }
        throw error
    }
    for name in try await engine("ps", "-aq").lines { try await engine.discard(name) }
    var left: [String] = []
    try await eventually("\(stack.testDescription) leaves nothing: \(left)", sourceLocation: sourceLocation) {
        left = try await engine.host.leftovers()
        return left.isEmpty
    }
}

/// Contains all tests of docker and podman, so that each engine starts once.
@Suite(
    .serialized, .timeLimit(.minutes(10)), EngineScope(),
    .enabled(if: EngineHost.missing == nil, "\(EngineHost.missing ?? "")"))
struct EngineTests {}

// Runs one step of a case and checks its result.

internal import CLinux
internal import Glibc

/// The result of a step.
struct StepResult {
    var status: Int?
    var output = ""
    var error = ""
    var seconds = 0.0
}

extension CaseExecution {
    /// Runs one step and checks its result.
    /// - Returns: false if the remaining steps make no sense.
    func perform(_ step: Step) async throws(CaseError) -> Bool {
        stepNumber += 1
        let complaintsBefore = complaints.count
        switch step.action {
        case .command(let command, let container, let options, let arguments):
            try writeConfiguration(container)
            let words = try commandLine(command, container, options, arguments, step)
            let isDetached = command == "create" || isStarting(command) && isDetached(options)
            var invocation = try invocation(step, request.runtime.executable, words)
            if isDetached {
                invocation.outputPath = outputFile(container)
                invocation.errorPath = errorFile(container)
            }
            if step.hasConsole { try await startConsole(step, container, invocation) }
            guard let result = try await carryOut(invocation, step) else { return true }
            note(command, container, isDetached: isDetached, options, succeeded: result.status == 0)
            try judge(result, step, container: container)
        case .raw(let words):
            for container in test.containers.keys { try writeConfiguration(container) }
            let expanded = try expand(words)
            let invocation = try invocation(step, request.runtime.executable, request.runtime.flags + expanded)
            guard let result = try await carryOut(invocation, step) else { return true }
            noteRaw(expanded, succeeded: result.status == 0)
            try judge(result, step, container: nil)
        case .host(let words):
            let expanded = try expand(words)
            guard let executable = findCommand(expanded[0]) else {
                throw CaseError("\(step.place).host: no command \(expanded[0])")
            }
            let invocation = try invocation(step, executable, Array(expanded.dropFirst()))
            guard let result = try await carryOut(invocation, step) else { return true }
            try judge(result, step, container: nil)
        case .wait(let condition, let container):
            guard let result = try await wait(for: condition, container, step) else { return false }
            try judge(result, step, container: container)
        case .listen(let socket, let agent):
            try await startListener(try placeholders.expand(socket), agent)
        }
        return complaints.count == complaintsBefore || !isEssential(step)
    }

    /// If a container was not created, all other steps would fail for the same reason.
    private func isEssential(_ step: Step) -> Bool {
        if case .command(let command, _, _, _) = step.action { return command == "create" || isStarting(command) }
        return false
    }

    private func isStarting(_ command: String) -> Bool { command == "run" || command == "restore" }

    private func isDetached(_ options: [String]) -> Bool { options.contains("-d") || options.contains("--detach") }

    func expand(_ words: [String]) throws(CaseError) -> [String] {
        var result: [String] = []
        for word in words { result.append(try placeholders.expand(word)) }
        return result
    }

    private func commandLine(
        _ command: String, _ container: String, _ options: [String], _ arguments: [String], _ step: Step
    ) throws(CaseError) -> [String] {
        var words = request.runtime.flags + ["--root", rootDirectory, command]
        if command == "create" || isStarting(command) {
            words += ["--bundle", bundle(container), "--pid-file", pidFile(container)]
        }
        if step.hasConsole { words += ["--console-socket", consoleSocket(container)] }
        return words + (try expand(options)) + [id(container)] + (try expand(arguments))
    }

    private func invocation(
        _ step: Step, _ executable: String, _ arguments: [String]
    ) throws(CaseError) -> HarnessInvocation {
        let base = "\(scratch)/output/step\(stepNumber)"
        var invocation = HarnessInvocation(
            executable: executable, arguments: arguments, environment: HarnessInvocation.cleanEnvironment,
            directory: scratch, outputPath: base + ".out", errorPath: base + ".err", user: step.user, limit: secondsLeft
        )
        for (name, value) in step.environment { invocation.environment[name] = try placeholders.expand(value) }
        if let input = step.input {
            invocation.inputPath = base + ".in"
            try writeNew(base + ".in", try placeholders.expand(input), mode: 0o644)
        }
        return invocation
    }

    /// Runs a program, or starts it if the next step does not wait for it: then there is no result.
    private func carryOut(_ invocation: HarnessInvocation, _ step: Step) async throws(CaseError) -> StepResult? {
        if step.runsInBackground {
            transcript.append("$ \(invocation.commandLine) &")
            background.append(Task { _ = try? await invocation.run() })
            return nil
        }
        let ending = try await invocation.run()
        let result = StepResult(
            status: ending.status, output: readText(invocation.outputPath) ?? "",
            error: readText(invocation.errorPath) ?? "", seconds: ending.seconds)
        transcript.append("$ \(invocation.commandLine)  → \(ending.status)")
        record(result)
        if ending.timedOut {
            wasCutOff = true
            throw cutOff(step)
        }
        return result
    }

    private func cutOff(_ step: Step) -> CaseError {
        let place = step.place.isEmpty ? "run" : step.place
        if Interruption.isUrgent { return CaseError("\(place): interrupted") }
        return CaseError("\(place): over its time limit of \(Int(request.timeLimit)) s")
    }

    func record(_ result: StepResult) {
        for (sign, text) in [("| ", result.output), ("! ", result.error)] where !text.isEmpty {
            // By bytes: in Swift CR and LF together, which a terminal prints, are one character.
            let lines = text.utf8.split(separator: UInt8(ascii: "\n")).map { String(Substring($0)) }
            transcript += lines.prefix(20).map { sign + ($0.last == "\r" ? $0.dropLast() : $0[...]).prefix(600) }
        }
    }

    /// Updates the list of containers that should exist.
    private func note(
        _ command: String, _ container: String, isDetached: Bool, _ options: [String], succeeded: Bool
    ) {
        switch command {
        case "create" where succeeded, "run" where succeeded && isDetached, "restore" where succeeded && isDetached:
            live.insert(container)
        case "run" where options.contains("--keep"): live.insert(container)
        case "delete" where succeeded: live.remove(container)
        default: break
        }
    }

    private func noteRaw(_ words: [String], succeeded: Bool) {
        guard succeeded else { return }
        for name in test.containers.keys where words.contains(id(name)) {
            if words.contains("create") || ["run", "restore"].contains(where: words.contains) && isDetached(words) {
                live.insert(name)
            }
            if words.contains("delete") { live.remove(name) }
        }
    }

    // MARK: judging

    func judge(_ result: StepResult, _ step: Step, container: String?) throws(CaseError) {
        let expected = try StepExpectations(try placeholders.expandAll(step.expected), at: step.place)
        let place = step.place.isEmpty ? "" : step.place + ": "
        func hold(
            _ expectation: Expectation, _ value: JSONValue?, _ name: String, _ other: @escaping (String) -> JSONValue?
        ) {
            complaints += expectation.complaints(about: value, Judgement(place: place + name, other: other))
        }
        let nothing: (String) -> JSONValue? = { _ in nil }
        if let status = result.status {
            let byDefault: Expectation = expected.error == nil ? .equals(0) : .not(.equals(0))
            let isWait = if case .wait = step.action { true } else { false }
            if let wanted = expected.exit ?? (isWait ? nil : byDefault) {
                hold(wanted, .integer(status), "exit status", nothing)
            }
        }
        if let wanted = expected.output { hold(wanted, .string(result.output), "stdout", nothing) }
        if let wanted = expected.error { hold(wanted, .string(result.error), "error", nothing) }
        if let wanted = expected.seconds { hold(wanted, .double(result.seconds), "seconds", nothing) }
        let seen = observation(in: result.output)
        if let name = step.name { observations[name] = seen ?? (try? JSONValue(parsing: result.output)) ?? .null }
        judgePlaces(expected.observations, seen, place: place, missing: "\(place)the witness saw nothing")
        judgePlaces(
            expected.document, try? JSONValue(parsing: result.output), place: place,
            missing: "\(place)stdout is not JSON: \(result.output.prefix(200))")
    }

    private func judgePlaces(
        _ expected: [JSONPath: Expectation], _ root: JSONValue?, place: String, missing: String
    ) {
        if expected.isEmpty { return }
        guard let root else {
            complaints.append(missing)
            return
        }
        for (path, expectation) in expected.sorted(by: { $0.key.description < $1.key.description }) {
            let judgement = Judgement(place: place + path.description) { [observations] reference in
                let parts = reference.split(separator: ":", maxSplits: 1).map(String.init)
                guard let other = observations[parts[0]] else { return nil }
                guard parts.count > 1 else { return path.value(in: other) }
                return (try? JSONPath(parts[1]))?.value(in: other)
            }
            complaints += expectation.complaints(about: path.value(in: root), judgement)
        }
    }

    /// The last line that the witness printed.
    private func observation(in output: String) -> JSONValue? {
        for line in output.split(separator: "\n").reversed() {
            // A terminal adds a carriage return to every line.
            let text = line.hasSuffix("\r") ? line.dropLast() : line
            if text.hasPrefix("{"), let value = try? JSONValue(parsing: String(text)) { return value }
        }
        return nil
    }

    // MARK: waiting

    private func wait(for condition: String, _ container: String, _ step: Step) async throws(CaseError) -> StepResult? {
        while ContinuousClock.now < deadline, !Interruption.isUrgent {
            if condition == "exit" {
                if let pid = pid(container), kill(pid_t(pid), 0) != 0 {
                    return await containerResult(container, reaper.status(of: pid))
                }
            } else if await status(of: container) == condition {
                return StepResult(
                    output: readText(outputFile(container)) ?? "", error: readText(errorFile(container)) ?? "")
            }
            try? await Task.sleep(for: .milliseconds(5))
        }
        complaints.append("\(step.place): \(container) did not come to \(condition) in time")
        return nil
    }

    private func containerResult(_ container: String, _ status: Int?) async -> StepResult {
        await finishConsole(container)
        let result = StepResult(
            status: status, output: readText(outputFile(container)) ?? "", error: readText(errorFile(container)) ?? "")
        transcript.append("(\(container) exited with \(status.map(String.init) ?? "unknown status"))")
        record(result)
        return result
    }

    private func status(of container: String) async -> String? {
        let words = request.runtime.flags + ["--root", rootDirectory, "state", id(container)]
        let text = try? await capture(request.runtime.executable, words)
        return text.flatMap { try? JSONValue(parsing: $0) }?["status"]?.string
    }
}

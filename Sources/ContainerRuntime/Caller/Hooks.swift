// Hooks: programs of the engine, run at six points of a container's life. runtime-spec, config.md, "Hooks".

internal import CLinux
internal import Glibc
internal import Kernel
internal import OCISpec
internal import Planning

/// Runs the hooks of one kind, in order, until one fails.
struct HookRunner {
    let kind: String
    let hooks: [Hook]
    /// The container's state, which every hook reads on its stdin.
    let state: [UInt8]
    /// The environment of hooks without one of their own: the runtime's; inside the container, the container's.
    var environment: [String]?
    /// The trace that all hooks continue: the one in the runtime's environment.
    var trace = TraceContext.inherited
    /// The working directory, unless it is gone; the runtime's if nil.
    var directory: String?

    /// - Throws: the failed hook, its status and its output.
    func run() throws(Failure) {
        for (index, hook) in hooks.enumerated() {
            do throws(Failure) {
                try HookProcess(
                    hook: hook, state: state, environment: environment, trace: trace, directory: directory
                ).run()
            } catch {
                throw error.during(hook.path).during("error running \(kind) hook #\(index)")
                    .at(FailedStep(hook: index, of: kind))
            }
        }
    }
}

/// Runs a program of the host to its end.
/// - Throws: its status if it failed, with its output.
func runProgram(_ path: String, _ arguments: [String], input: [UInt8] = [], seconds: Int) throws(Failure) {
    try HookProcess(hook: Hook(path: path, args: arguments, timeout: seconds), state: input).run()
}

/// Runs a program of the host and returns its output.
/// - Throws: its status if it failed, with its output.
func programOutput(_ path: String, _ arguments: [String]) throws(Failure) -> String {
    do throws(Failure) {
        let process = HookProcess(hook: Hook(path: path, args: arguments), state: [])
        return RawText.text(try process.run())
    } catch {
        throw error.during(path)
    }
}

/// One hook, from its start to its end.
///
/// Its streams are files in memory: a hook that reads nothing, prints much, or leaves a daemon behind that holds them
/// open cannot make the runtime wait.
private struct HookProcess {
    let hook: Hook
    let state: [UInt8]
    var environment: [String]?
    var trace = TraceContext()
    var directory: String?

    private static let mostOutput = 4096

    /// - Returns: its standard output.
    @discardableResult
    func run() throws(Failure) -> [UInt8] {
        noteIgnoredSignals()
        let input = try memoryFile()
        try during("write the state") { () throws(Errno) in
            try writeAll(state, to: input.rawValue)
            lseek(input.rawValue, 0, SEEK_SET)
        }
        let output = try memoryFile()
        let errors = try memoryFile()
        let image = ExecImage(
            arguments: hook.args.isEmpty ? [hook.path] : hook.args,
            environment: trace.added(to: hook.env ?? environment ?? currentEnvironment()))
        guard let child = try during("clone", { () throws(Errno) in try cloneProcess(namespaces: []) }) else {
            become(image, [input.rawValue, output.rawValue, errors.rawValue])
        }
        let ended: Bool
        do throws(Errno) {
            ended = try endsInTime(child)
        } catch {
            kill(child)
            throw Failure("wait", error)
        }
        if !ended { kill(child) }
        let end = try during("wait") { () throws(Errno) in try waitForEnd(of: child.pid) }
        let printed = "stdout: \(text(of: output)), stderr: \(text(of: errors))"
        guard ended else {
            throw Failure(.other, "timed out after \(hook.timeout ?? 0) s and was killed, \(printed)")
        }
        switch end {
        case .exited(0): return try during("read its output") { () throws(Errno) in try rewound(output) }
        case .exited(let status): throw Failure(.other, "exit status \(status), \(printed)")
        case .signalled(let signal):
            let word = strsignal(signal).map { String(cString: $0).lowercased() } ?? "unknown signal"
            throw Failure(.other, "\(Signal(rawValue: signal).name) (\(word)), \(printed)")
        }
    }

    private func endsInTime(_ child: borrowing ChildProcess) throws(Errno) -> Bool {
        var left = hook.timeout.map { milliseconds($0) } ?? -1
        while true {
            let part: Int32 = left < 0 ? 1000 : min(left, 1000)
            if try waitUntilReadable(child.pidfd.rawValue, milliseconds: part) { return true }
            if left >= 0 {
                left -= part
                if left == 0 { return false }
            }
            // Inside the container /proc is still the host's, where the pid is another process's.
            if environment == nil { continueIfStopped(child.pid) }
        }
    }

    // Together with its children, for which it may wait.
    private func kill(_ child: borrowing ChildProcess) {
        do throws(Errno) {
            guard let handle = try ProcessHandle(child.pid) else { return }
            killWithDescendants(handle)
        } catch {
            do throws(Errno) { try signalProcess(child.pidfd, SIGKILL) } catch {}
        }
    }

    // A limit above poll(2)'s, three weeks, counts as none.
    private func milliseconds(_ seconds: Int) -> Int32 {
        let (product, overflows) = seconds.multipliedReportingOverflow(by: 1000)
        return overflows ? -1 : Int32(exactly: product) ?? -1
    }

    private func memoryFile() throws(Failure) -> OwnedDescriptor {
        try during("make a memory file") { () throws(Errno) in
            OwnedDescriptor(adopting: try checked { clinux_memfd_create("hook", 1) })
        }
    }

    private func rewound(_ file: borrowing OwnedDescriptor) throws(Errno) -> [UInt8] {
        lseek(file.rawValue, 0, SEEK_SET)
        return try readAll(file.rawValue)
    }

    private func text(of file: borrowing OwnedDescriptor) -> String {
        var bytes: [UInt8] = []
        do throws(Errno) { bytes = try rewound(file) } catch { return "?" }
        var text = RawText.text(Array(bytes.prefix(Self.mostOutput)))
        while text.last?.isNewline == true { text.removeLast() }
        return "\"" + text + "\""
    }

    private func become(_ image: ExecImage, _ streams: [Int32]) -> Never {
        for (target, number) in streams.enumerated() { _ = clinux_dup3(number, Int32(target), 0) }
        // Descriptors inherited without close-on-exec are for the container, not for its hooks.
        do throws(Errno) { try closeOnExec(from: 3) } catch {}
        do throws(Errno) { try releaseSignals() } catch {}
        // A hook must not survive a runtime that is killed. prctl(2)
        do throws(Errno) { try processControl(.setParentDeathSignal, UInt(SIGKILL)) } catch {}
        restoreDescriptorLimit()
        if let directory { _ = clinux_chdir(directory) }
        _ = clinux_execve(hook.path, image.arguments, image.environment)
        let complaint = Array("execute \(hook.path): \(Errno(rawValue: errno).message)".utf8)
        write(2, complaint, complaint.count)
        _exit(127)
    }
}

extension Runtime {
    func runPoststop(_ plan: ContainerPlan, _ record: ContainerRecord) {
        guard !plan.hooks.poststop.isEmpty else { return }
        runPoststop(plan.hooks.poststop, record)
    }

    /// Runs the poststop hooks; the failure of one is a warning, and the others still run. runtime-spec, runtime.md.
    func runPoststop(_ hooks: [Hook], _ record: ContainerRecord) {
        let state = record.state(status: "stopped", pid: 0).json()
        for hook in hooks {
            do throws(Failure) {
                try HookRunner(kind: "poststop", hooks: [hook], state: state, directory: record.bundle).run()
            } catch {
                note(.warning, error.message)
            }
        }
    }
}

// Injects a fault into a program at a chosen system call: kills a process there, or makes the call fail.
//
//   fault-injector [--at PROCESS:CALL (--kill caller|first|all | --fail ERRNO)] [--list] [--seconds N] [--programs all]
//      --report FILE PROGRAM ARGUMENT...
//   fault-injector --at PROCESS:CALL --ask "MILLISECONDS COMMAND ARGUMENT..." --report FILE PROGRAM ARGUMENT...
//   fault-injector --refuse CALL:ERRNO|CALL:kill --report FILE PROGRAM ARGUMENT...
//   fault-injector --observe KEY=VALUE... - --report FILE PROGRAM ARGUMENT...
//
// Processes are numbered from 0 in the order of their creation, the calls of each from 1. A process that executes
// another program is no longer traced; if it executes the same program again, it is. With `--programs all` it is
// traced on, without the processes that the other program makes. The exit status is the program's own. The report is one line: `injected NAME`, `exempt NAME` (a call that cannot fail), `missed` (the process made
// fewer calls) or `hung NAME`; with --list a line `PROCESS CALL NAME` for each call comes before it.
//
// With --ask another command runs while the process is stopped at the call, until that command ends or the time is
// over; `answer STATUS MILLISECONDS prompt|late TEXT` reports the result. With --observe, witnesses in containers
// examine the program's processes before and after each call, and other commands run meanwhile; see Observer.swift.
// With --refuse nothing is traced; see CallersFilter.swift.

internal import Glibc
internal import Kernel

@main
struct Main {
    private struct Usage: Error { var problem: String }

    private struct Request {
        var injection: Injection?
        var lists = false
        var followsOthers = false
        var seconds: UInt32 = 20
        var report = ""
        var program: [String] = []
        var observer: ObserverRequest?
        var refusal: String?
    }

    static func main() {
        do {
            let request = try parse(Array(CommandLine.arguments.dropFirst()))
            if let refusal = request.refusal { fail(execute(request.program, refusing: refusal)) }
            var observer: Observer?
            if let wanted = request.observer { observer = try Observer(wanted) }
            var tracer = try Tracer(
                injection: request.injection, lists: request.lists, followsOthers: request.followsOthers,
                seconds: request.seconds, program: request.program[0], observer: observer)
            let outcome = try tracer.run(request.program)
            try write((observer?.report ?? []).map { $0 + "\n" }.joined() + report(outcome), to: request.report)
            exit(outcome.end?.shellStatus ?? 1)
        } catch let error as Usage {
            fail(error.problem)
        } catch {
            fail("\(error)")
        }
    }

    private static func fail(_ problem: String) -> Never {
        do throws(Errno) { try writeAll("fault-injector: \(problem)\n".utf8, to: 2) } catch {}
        exit(125)
    }

    private static func parse(_ arguments: [String]) throws(Usage) -> Request {
        var request = Request()
        var place: (process: Int, call: Int)?
        var fault: Injection.Fault?
        var words = arguments[...]
        while let word = words.first, word.hasPrefix("--") {
            words.removeFirst()
            if word == "--list" {
                request.lists = true
                continue
            }
            if word == "--observe" {
                request.observer = try parseObservation(&words)
                continue
            }
            guard let value = words.popFirst() else { throw Usage(problem: "\(word) takes a value") }
            switch word {
            case "--at": place = try parsePlace(value)
            case "--kill": fault = try parseKill(value)
            case "--fail":
                guard let code = Int32(value) else { throw Usage(problem: "--fail \(value): not a number") }
                fault = .fail(code)
            case "--ask":
                let parts = value.split(separator: " ").map(String.init)
                guard let milliseconds = parts.first.flatMap({ Int($0) }) else {
                    throw Usage(problem: "--ask \(value): expected MILLISECONDS COMMAND")
                }
                fault = .ask(Array(parts.dropFirst()), milliseconds)
            case "--programs": request.followsOthers = value == "all"
            case "--seconds": request.seconds = UInt32(value) ?? request.seconds
            case "--refuse": request.refusal = value
            case "--report": request.report = value
            default: throw Usage(problem: "unknown option \(word)")
            }
        }
        if let place, let fault {
            request.injection = Injection(process: place.process, call: place.call, fault: fault)
        }
        request.program = Array(words)
        if request.program.isEmpty || request.report.isEmpty {
            throw Usage(problem: "a report and a program are needed")
        }
        return request
    }

    // The arguments after --observe are KEY=VALUE, up to a single dash.
    private static func parseObservation(_ words: inout ArraySlice<String>) throws(Usage) -> ObserverRequest {
        var request = ObserverRequest()
        while let word = words.popFirst(), word != "-" {
            let parts = word.split(separator: "=", maxSplits: 1).map(String.init)
            guard parts.count == 2 else { throw Usage(problem: "--observe \(word): expected KEY=VALUE") }
            let value = parts[1]
            switch parts[0] {
            case "peer": request.peers.append(value)
            case "follow": request.followed.append(contentsOf: Int32(value).map { [$0] } ?? [])
            case "id": request.id = value
            case "runtime": request.runtime = value.split(separator: " ").map(String.init)
            case "secret": request.secret = value
            case "hook-log": request.hookLog = value
            case "hooks": request.hooks = Int(value) ?? 0
            case "every": request.every = Int(value) ?? 0
            case "spares-stronger": request.sparesStronger = value == "true"
            case "made": request.isMade = value == "true"
            default: throw Usage(problem: "--observe \(word): no such key")
            }
        }
        return request
    }

    private static func parsePlace(_ text: String) throws(Usage) -> (process: Int, call: Int) {
        let parts = text.split(separator: ":").compactMap { Int($0) }
        guard parts.count == 2 else { throw Usage(problem: "--at \(text): expected PROCESS:CALL") }
        return (parts[0], parts[1])
    }

    private static func parseKill(_ text: String) throws(Usage) -> Injection.Fault {
        switch text {
        case "caller": return .killCaller
        case "first": return .killFirst
        case "all": return .killAll
        default: throw Usage(problem: "--kill \(text): expected caller, first or all")
        }
    }

    private static func report(_ outcome: Outcome) -> String {
        var lines = outcome.calls.map { "\($0.process) \($0.call) \($0.name)" }
        if let answer = outcome.answer {
            let said = String(answer.output.map { $0 == "\n" ? " " : $0 })
            lines.append(
                "answer \(answer.status) \(answer.milliseconds) \(answer.isPrompt ? "prompt" : "late") \(said)")
        }
        switch outcome.injected {
        case let name? where outcome.isHung: lines.append("hung \(name)")
        case let name? where outcome.isExempt: lines.append("exempt \(name)")
        case let name?: lines.append("injected \(name)")
        case nil: lines.append(outcome.isHung ? "hung without a fault" : "missed")
        }
        return lines.joined(separator: "\n") + "\n"
    }

    private static func write(_ text: String, to path: String) throws(Errno) {
        let file = try OwnedDescriptor.open(path, [.writeOnly, .create, .truncate], mode: 0o600)
        try writeAll(text.utf8, to: file.rawValue)
    }
}

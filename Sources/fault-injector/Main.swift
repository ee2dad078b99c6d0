// Kills a program at a system call of one's choice, or makes that call fail.
//
//   fault-injector [--at PROCESS:CALL (--kill caller|first|all | --fail ERRNO)] [--list] [--seconds N]
//                  --report FILE PROGRAM ARGUMENT...
//   fault-injector --at PROCESS:CALL --ask "MILLISECONDS COMMAND ARGUMENT..." --report FILE PROGRAM ARGUMENT...
//   fault-injector --observe KEY=VALUE... - --report FILE PROGRAM ARGUMENT...
//
// Processes are counted from 0 in the order of their making, the calls of each from 1. What the program executes is let
// go; the program itself, executed again, is not. The exit status is the program's own. The report is one line:
// `struck NAME`, `exempt NAME` (a call that cannot fail), `missed` (the process made fewer calls) or `hung NAME`; with
// --list a line `PROCESS CALL NAME` for each call comes before it.
//
// With --ask another command is given when the process has come to the call, and stands still until it is answered, or
// for so long; `answer STATUS MILLISECONDS prompt|late TEXT` tells of it. With --observe witnesses in containers look at
// the program's processes before and after each call, and other commands are given; see Observer.swift.

internal import Glibc
internal import Kernel
internal import SystemPackage

@main
struct Main {
    private struct Usage: Error { var problem: String }

    private struct Request {
        var strike: Strike?
        var lists = false
        var seconds: UInt32 = 20
        var report = ""
        var program: [String] = []
        var observer: ObserverRequest?
    }

    static func main() {
        do {
            let request = try parse(Array(CommandLine.arguments.dropFirst()))
            var observer: Observer?
            if let wanted = request.observer { observer = try Observer(wanted) }
            var tracer = try Tracer(
                strike: request.strike, lists: request.lists, seconds: request.seconds, program: request.program[0],
                observer: observer)
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
        var blow: Strike.Blow?
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
            case "--kill": blow = try parseKill(value)
            case "--fail":
                guard let code = Int32(value) else { throw Usage(problem: "--fail \(value): not a number") }
                blow = .fail(code)
            case "--ask":
                let parts = value.split(separator: " ").map(String.init)
                guard let milliseconds = parts.first.flatMap({ Int($0) }) else {
                    throw Usage(problem: "--ask \(value): expected MILLISECONDS COMMAND")
                }
                blow = .ask(Array(parts.dropFirst()), milliseconds)
            case "--seconds": request.seconds = UInt32(value) ?? request.seconds
            case "--report": request.report = value
            default: throw Usage(problem: "unknown option \(word)")
            }
        }
        if let place, let blow { request.strike = Strike(process: place.process, call: place.call, blow: blow) }
        request.program = Array(words)
        if request.program.isEmpty || request.report.isEmpty {
            throw Usage(problem: "a report and a program are needed")
        }
        return request
    }

    // Words without a name: KEY=VALUE, up to a single dash.
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

    private static func parseKill(_ text: String) throws(Usage) -> Strike.Blow {
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
        switch outcome.struck {
        case let name? where outcome.isHung: lines.append("hung \(name)")
        case let name? where outcome.isExempt: lines.append("exempt \(name)")
        case let name?: lines.append("struck \(name)")
        case nil: lines.append(outcome.isHung ? "hung without a blow" : "missed")
        }
        return lines.joined(separator: "\n") + "\n"
    }

    private static func write(_ text: String, to path: String) throws(Errno) {
        let file = try OwnedDescriptor.open(path, [.writeOnly, .create, .truncate], mode: 0o600)
        try writeAll(text.utf8, to: file.rawValue)
    }
}

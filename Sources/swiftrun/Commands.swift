// The commands: what each is called with, and which operation of the runtime it is.

internal import ContainerRuntime
internal import Glibc
internal import Kernel
internal import OCISpec

extension Command {
    static let all: [Command] = [
        checkpoint, completion, create, delete, events, exec, features, info, inspect, kill, list, manual, mounts,
        pause, ps, restore, resume, run, spec, start, state, update,
    ]

    static let containerArgument = "<container-id | bundle>"
    private static let regex = Option.flag(
        "regex", nil, "the argument is an extended regular expression; all containers whose ids match are meant")

    static let start = Command(
        name: "start", summary: "start the program of a created container", usage: containerArgument,
        options: [.timings, .timingsFormat], arguments: 1...1
    ) { call throws(CommandError) in
        let target = call.target()
        try call.perform { () throws(Failure) in try target.runtime.start(id: target.id) }
        return 0
    }

    static let state = Command(
        name: "state", summary: "print the state of a container", usage: containerArgument, options: [],
        arguments: 1...1
    ) { call throws(CommandError) in
        let target = call.target()
        let state = try call.perform { () throws(Failure) in try target.runtime.state(id: target.id) }
        try printBytes(state.json(indent: "  ") + [10])
        return 0
    }

    static let delete = Command(
        name: "delete", summary: "delete a container", usage: containerArgument,
        options: [.flag("force", "f", "kill the container if it still runs"), regex], arguments: 1...1
    ) { call throws(CommandError) in
        try call.performOnTargets { (id, runtime) throws(Failure) in
            try runtime.delete(id: id, force: call.options.has("force"))
        }
        return 0
    }

    static let kill = Command(
        name: "kill", summary: "send a signal to a container's init (default SIGTERM)",
        usage: containerArgument + " [signal]", options: [.hidden("all", "a"), regex], arguments: 1...2
    ) { call throws(CommandError) in
        let given = call.options.arguments.dropFirst().first ?? ""
        let name = given.isEmpty ? "SIGTERM" : given
        guard let signal = Signal(name) else {
            let meant = suggestion(for: name, among: Signal.names.map { "SIG" + $0 }, prefix: "SIG")
            throw .failure(Failure(.invalid, "unknown signal \"\(name)\"\(meant)"))
        }
        try call.performOnTargets { (id, runtime) throws(Failure) in
            try runtime.kill(id: id, signal, all: call.options.has("all"))
        }
        return 0
    }

    static let pause = Command(
        name: "pause", summary: "freeze all processes of a container", usage: containerArgument, options: [],
        arguments: 1...1
    ) { call throws(CommandError) in
        let target = call.target()
        try call.perform { () throws(Failure) in try target.runtime.pause(id: target.id) }
        return 0
    }

    static let resume = Command(
        name: "resume", summary: "thaw a paused container", usage: containerArgument, options: [], arguments: 1...1
    ) { call throws(CommandError) in
        let target = call.target()
        try call.perform { () throws(Failure) in try target.runtime.resume(id: target.id) }
        return 0
    }

    static let features = Command(
        name: "features", summary: "print what this runtime can do", usage: "", options: [], arguments: 0...0
    ) { _ throws(CommandError) in
        try printBytes(Features.ofThisRuntime.json(indent: "    ") + [10])
        return 0
    }

    static let info = Command(
        name: "info", summary: "print what this host can do for a container", usage: "",
        options: [.value("format", "f", "text|json", "the form of the output (default text)")], arguments: 0...0
    ) { call throws(CommandError) in
        let format = call.options.given("format") ?? "text"
        guard format == "text" || format == "json" else {
            throw .failure(Failure(.invalid, "invalid format option: \(format) (text and json are known)"))
        }
        let report = HostReport.probe()
        if format == "json" {
            try printBytes(report.document.json(indent: "  ") + [10])
            return 0
        }
        let width = report.entries.map { $0.subject.utf8.count }.max() ?? 0
        for entry in report.entries {
            let mark = entry.isAvailable.map { $0 ? "yes" : "no " } ?? "?  "
            let needs = entry.isAvailable != false ? "" : ": " + entry.concerns.joined(separator: ", ")
            try printLine("\(mark)  \(entry.subject.padded(to: width))  \(entry.finding)\(needs)".printable)
        }
        return 0
    }

    static let inspect = Command(
        name: "inspect", summary: "print all that is known of a container", usage: containerArgument, options: [],
        arguments: 1...1
    ) { call throws(CommandError) in
        let target = call.target()
        let inspection = try call.perform { () throws(Failure) in try target.runtime.inspect(id: target.id) }
        try printBytes(inspection.json(indent: "  ") + [10])
        return 0
    }

    static let spec = Command(
        name: "spec", summary: "write a config.json to begin with", usage: "",
        options: [
            .value("bundle", "b", "DIR", "where to write it (default: here)"),
            .flag("rootless", nil, "one that an ordinary user can run"),
        ], arguments: 0...0
    ) { call throws(CommandError) in
        try call.perform { () throws(Failure) in
            try writeDefaultConfig(
                bundle: call.options.value("bundle") ?? ".", isRootless: call.options.has("rootless"))
        }
        return 0
    }
}

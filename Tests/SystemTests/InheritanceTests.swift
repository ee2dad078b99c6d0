// Attributes that a caller sets and that processes keep over fork and execve: they break no command, and reach no
// program.

import Foundation
import OCISpec
import Testing

/// An attribute of a caller, set by `witness launch`.
struct Inherited: CustomTestStringConvertible, Sendable {
    let attribute: String
    /// The attributes that the container's processes inherit nevertheless, as with runc: priorities are the caller's
    /// choice.
    var reachesPrograms: Set<String> = []
    /// The attributes that hooks inherit, because they are the caller's own programs.
    var reachesHooks: Set<String> = []
    var testDescription: String { attribute }

    static let all: [Inherited] = [
        Inherited(attribute: "ignore=all"),
        Inherited(attribute: "ignore=13"), Inherited(attribute: "ignore=17"), Inherited(attribute: "ignore=32,33"),
        Inherited(attribute: "block=all"),
        Inherited(attribute: "umask=0777", reachesHooks: ["umask"]), Inherited(attribute: "umask=0"),
        Inherited(attribute: "umask=077", reachesHooks: ["umask"]),
        Inherited(attribute: "nice=5", reachesPrograms: ["nice"], reachesHooks: ["nice"]),
        Inherited(attribute: "policy=3+reset", reachesPrograms: ["policy"]),
        Inherited(attribute: "policy=5", reachesPrograms: ["policy"], reachesHooks: ["policy"]),
        Inherited(attribute: "affinity=0", reachesHooks: ["affinity"]),
        Inherited(attribute: "personality=262144", reachesPrograms: ["personality"], reachesHooks: ["personality"]),
        Inherited(attribute: "personality=131072", reachesPrograms: ["personality"], reachesHooks: ["personality"]),
        Inherited(attribute: "alarm=60"), Inherited(attribute: "death-signal=15"), Inherited(attribute: "subreaper"),
        Inherited(attribute: "timer-slack=3000000000"), Inherited(attribute: "dumpable=0"),
        Inherited(attribute: "thp-disable"), Inherited(attribute: "deny-write-execute"),
        Inherited(attribute: "groups=5", reachesHooks: ["groups"]),
        Inherited(attribute: "ambient=13", reachesHooks: ["ambient"]),
        Inherited(attribute: "securebits=4", reachesPrograms: ["securebits"], reachesHooks: ["securebits"]),
        Inherited(attribute: "securebits=16"),
        Inherited(attribute: "securebits=32", reachesPrograms: ["securebits"], reachesHooks: ["securebits"]),
        Inherited(attribute: "securebits=64", reachesPrograms: ["securebits"], reachesHooks: ["securebits"]),
        Inherited(
            attribute: "no-new-privileges", reachesPrograms: ["noNewPrivileges"], reachesHooks: ["noNewPrivileges"]),
        Inherited(attribute: "limit=3:262144", reachesPrograms: ["stack"], reachesHooks: ["stack"]),
        Inherited(attribute: "limit=4:0"), Inherited(attribute: "limit=12:0"), Inherited(attribute: "environment"),
        Inherited(attribute: "gone=/tmp/swiftrun-gone"),
    ]
}

@Suite(.serialized)
struct InheritanceTests {
    private static let witness = RuntimeUnderTest.checkout + "/.build/dist/witness"
    private static let topics = "security user scheduling capabilities limits"
    private static let hookKinds = [
        "prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop",
    ]

    private func call(_ sandbox: Sandbox, _ attribute: String?, _ arguments: String...) async throws -> Outcome {
        let words = [sandbox.runtime.path, "--root", sandbox.state] + arguments
        return try await execute(
            Self.witness, ["launch"] + (attribute.map { [$0] } ?? []) + ["--"] + words, in: sandbox.bundle)
    }

    /// The facts to compare, out of the witness's output.
    private func facts(_ text: String) -> [String: String] {
        let seen = (try? JSONSerialization.jsonObject(with: Data(text.utf8))) as? [String: Any] ?? [:]
        func value(_ path: String...) -> String {
            var found: Any? = seen
            for key in path { found = (found as? [String: Any])?[key] }
            return found.map { "\($0)" } ?? "nothing"
        }
        return [
            "blocked": value("signals", "SigBlk"), "ignored": value("signals", "SigIgn"),
            "pending": value("signals", "ShdPnd"), "umask": value("user", "umask"), "groups": value("user", "groups"),
            "nice": value("scheduler", "nice"), "policy": value("scheduler", "policy"), "affinity": value("affinity"),
            "personality": value("personality", "value"), "deathSignal": value("parentDeathSignal"),
            "subreaper": value("subreaper"), "timerSlack": value("timerSlack"), "dumpable": value("dumpable"),
            "securebits": value("securebits"), "noNewPrivileges": value("noNewPrivileges"),
            "effective": value("capabilities", "effective"), "ambient": value("capabilities", "ambient"),
            "stack": value("rlimits", "RLIMIT_STACK", "soft"),
        ]
    }

    private func prepare(_ sandbox: Sandbox, _ program: [String], hooks: Bool) throws {
        func note(_ kind: String) -> Hook {
            let inside = kind == "startContainer"
            let (program, place) = inside ? ("/bin/witness", "/tmp") : (Self.witness, sandbox.directory)
            return Hook(
                path: "/bin/sh", args: ["sh", "-c", "exec \(program) \(Self.topics) > \(place)/\(kind)"],
                env: ["PATH=/bin:/usr/bin"])
        }
        try sandbox.configure { spec in
            spec.process?.args = program
            spec.root?.readonly = false
            // An inheritable capability could also be ambient.
            spec.process?.capabilities?.inheritable = ["CAP_NET_RAW"]
            spec.process?.capabilities?.permitted?.append("CAP_NET_RAW")
            spec.process?.capabilities?.bounding?.append("CAP_NET_RAW")
            spec.process?.capabilities?.ambient = nil
            guard hooks else { return }
            spec.hooks = Hooks(
                prestart: [note("prestart")], createRuntime: [note("createRuntime")],
                createContainer: [note("createContainer")], startContainer: [note("startContainer")],
                poststart: [note("poststart")], poststop: [note("poststop")])
        }
    }

    /// The facts that programs and hooks see, by the way in which they started.
    private func observe(_ sandbox: Sandbox, _ attribute: String?) async throws -> [String: [String: String]] {
        var seen: [String: [String: String]] = [:]
        let topics = Self.topics.split(separator: " ").map(String.init)
        try prepare(sandbox, ["/bin/witness"] + topics, hooks: false)
        let run = try await call(sandbox, attribute, "run", "--bundle", sandbox.bundle, sandbox.id)
        #expect(run.status == 0 && run.errors == "", "run: \(run)")
        seen["run"] = facts(run.output)

        let program = "witness \(Self.topics) > /tmp/started; echo > /tmp/written; exec sleep 100"
        try prepare(sandbox, ["sh", "-c", program], hooks: true)
        let launch =
            "'\(Self.witness)' launch \(attribute ?? "") -- '\(sandbox.runtime.path)' --root '\(sandbox.state)'"
        for command in ["create --bundle '\(sandbox.bundle)'", "start"] {
            let outcome = try await shell(
                "\(launch) \(command) \(sandbox.id) </dev/null >/dev/null 2>'\(sandbox.directory)/errors'",
                in: sandbox.bundle)
            let errors = try String(contentsOfFile: sandbox.directory + "/errors", encoding: .utf8)
            #expect(outcome.status == 0 && errors == "", "\(command): \(outcome.status) \(errors)")
        }
        let exec = try await call(
            sandbox, attribute, "exec", sandbox.id, "/bin/witness", "security", "user", "scheduling",
            "capabilities", "limits")
        #expect(exec.status == 0 && exec.errors == "", "exec: \(exec)")
        seen["exec"] = facts(exec.output)
        // The commands that follow end the program.
        try await eventually("the program has written its facts") {
            FileManager.default.fileExists(atPath: sandbox.rootfs + "/tmp/written")
        }
        for command in [["state"], ["pause"], ["resume"], ["ps"], ["kill"], ["delete", "--force"]] {
            let words = [sandbox.runtime.path, "--root", sandbox.state] + command + [sandbox.id]
            let outcome = try await execute(
                Self.witness, ["launch"] + (attribute.map { [$0] } ?? []) + ["--"] + words, in: sandbox.bundle)
            #expect(outcome.status == 0 && outcome.errors == "", "\(command): \(outcome)")
        }
        seen["start"] = facts(try String(contentsOfFile: sandbox.rootfs + "/tmp/started", encoding: .utf8))
        for kind in Self.hookKinds {
            let place = kind == "startContainer" ? sandbox.rootfs + "/tmp/" : sandbox.directory + "/"
            seen[kind] = facts((try? String(contentsOfFile: place + kind, encoding: .utf8)) ?? "")
        }
        return seen
    }

    @Test(.timeLimit(.minutes(2)), arguments: Inherited.all)
    func `no attribute of the caller breaks a command or reaches a program`(inherited: Inherited) async throws {
        let usual = try await observed(nil)
        let seen = try await observed(inherited.attribute)
        for (way, facts) in seen.sorted(by: { $0.key < $1.key }) {
            let isHook = Self.hookKinds.contains(way)
            // Hooks that run in the container have the container's attributes.
            let allowed = isHook ? inherited.reachesHooks.union(inherited.reachesPrograms) : inherited.reachesPrograms
            let changed = facts.keys.filter { facts[$0] != usual[way]?[$0] && !allowed.contains($0) }.sorted()
            #expect(
                changed == [],
                "\(way): \(changed.map { "\($0) \(facts[$0] ?? "") instead of \(usual[way]?[$0] ?? "")" })")
        }
    }

    private func observed(_ attribute: String?) async throws -> [String: [String: String]] {
        var seen: [String: [String: String]] = [:]
        try await withSandbox(.swiftrun) { seen = try await observe($0, attribute) }
        return seen
    }
}

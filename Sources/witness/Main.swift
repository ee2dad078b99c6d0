// The program that observes its environment in a container and prints it as one JSON object.
//
//   witness [TOPIC...] [PROBE=ARGUMENT...] [--hold] [-- ANYTHING...]    observe; without a topic, everything
//   witness ACTION ARGUMENT...                                          exceed a limit
//
// Probes: path, sysctl, open, open-r, open-w, syscall, compat, read. With --hold it stays until it gets a SIGTERM.
// It needs no file of the root filesystem; without /proc it omits the topics that need it.

internal import CLinux
internal import CRuntimePaths
internal import Glibc

@main
struct Main {
    static func main() {
        let arguments = Array(commandLine.dropFirst())
        if let name = arguments.first, let action = actions[name] {
            let (report, status) = action(Array(arguments.dropFirst()))
            if let report { printLine(report) }
            exit(status)
        }
        let request = Request(arguments)
        if let unknown = request.unknown {
            printLine(.object([("usage", .string("witness: unknown topic \(unknown)"))]))
            exit(64)
        }
        if request.holds { catchTermination() }
        printLine(observation(request))
        if request.holds { while true { pause() } }
    }
}

/// The parsed arguments.
private struct Request {
    var topics: [String] = []
    var probes: [(kind: String, argument: String)] = []
    var holds = false
    var unknown: String?

    init(_ arguments: [String]) {
        for argument in arguments {
            if argument == "--" { break }
            if argument == "--hold" {
                holds = true
            } else if let sign = argument.firstIndex(of: "="), probeKinds[String(argument[..<sign])] != nil {
                probes.append((String(argument[..<sign]), String(argument[argument.index(after: sign)...])))
            } else if topicNames.contains(argument) {
                topics.append(argument)
            } else {
                unknown = argument
            }
        }
    }
}

/// The key of a probe in the output, and its function.
private let probeKinds: [String: (key: String, probe: @Sendable (String) -> JSON)] = [
    "path": ("paths", { probe(path: $0) }),
    "sysctl": ("sysctls", { probe(sysctl: $0) }),
    "open": ("opens", { probe(opening: $0, for: "rw") }),
    "open-r": ("opens", { probe(opening: $0, for: "r") }),
    "open-w": ("opens", { probe(opening: $0, for: "w") }),
    "syscall": ("syscalls", { probe(systemCall: $0) }),
    "compat": ("compat", { probe(compatCall: $0) }),
    "read": (
        "reads",
        { path in readText(path).map { .string($0.trimmed) } ?? .object([("error", .string(errorName(errno)))]) }
    ),
]

/// The topics in the order of printing.
private let topics: [(name: String, observe: @Sendable () -> [(String, JSON)])] = [
    (
        "process",
        {
            [
                ("pid", .int(getpid())), ("ppid", .int(getppid())), ("sid", .int(getsid(0))), ("pgid", .int(getpgrp())),
                ("args", .strings(commandLine)), ("env", environment()), ("environment", environmentList()),
                ("cwd", workingDirectory()), ("terminal", observeTerminal()), ("executable", executable()),
            ]
        }
    ),
    ("user", { [("user", observeUser())] }),
    ("host", { hostNames() }),
    ("namespaces", { [("namespaces", observeNamespaces())] }),
    ("maps", { observeMaps() }),
    ("capabilities", { [("capabilities", observeCapabilities())] }),
    ("security", { observeSecurity() + [("labels", observeLabels()), ("keyring", observeKeyring())] }),
    ("limits", { [("rlimits", observeLimits())] }),
    (
        "scheduling",
        {
            [
                ("scheduler", observeScheduler()), ("ioPriority", observeIOPriority()), ("affinity", observeAffinity()),
                ("memoryPolicy", observeMemoryPolicy()), ("personality", observePersonality()),
                (
                    "oomScoreAdj",
                    readText("/proc/self/oom_score_adj").flatMap { Int64($0.trimmed) }.map(JSON.integer) ?? .null
                ),
            ]
        }
    ),
    ("clocks", { [("clocks", observeClocks())] }),
    ("mounts", { [("mounts", observeMounts())] }),
    ("devices", { [("devices", observeDevices())] }),
    ("descriptors", { [("descriptors", observeDescriptors())] }),
    ("network", { [("network", observeNetwork())] }),
    ("cgroups", { [("cgroups", observeCgroups())] }),
]
private let topicNames = Set(topics.map(\.name) + ["nothing"])

private func observation(_ request: Request) -> JSON {
    var members: [(String, JSON)] = []
    for topic in topics where request.topics.isEmpty || request.topics.contains(topic.name) {
        members += topic.observe()
    }
    for key in ["paths", "sysctls", "opens", "syscalls", "compat", "reads"] {
        let asked = request.probes.compactMap { probe in
            probeKinds[probe.kind].flatMap { $0.key == key ? (probe.argument, $0.probe(probe.argument)) : nil }
        }
        if !asked.isEmpty { members.append((key, .object(asked))) }
    }
    return .object(members)
}

/// The arguments, independent of `/proc`, from which Swift's `CommandLine` would read them.
private let commandLine = strings(cruntimepaths_arguments())

private func strings(_ list: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?) -> [String] {
    var result: [String] = []
    while let entry = list?[result.count] { result.append(String(cString: entry)) }
    return result
}

private func environmentList() -> JSON { .strings(strings(clinux_environ())) }

private func environment() -> JSON {
    guard case .array(let entries) = environmentList() else { return .object([]) }
    var members: [(String, JSON)] = []
    for case .string(let entry) in entries {
        guard let sign = entry.firstIndex(of: "=") else { continue }
        let name = String(entry[..<sign])
        if !members.contains(where: { $0.0 == name }) {
            members.append((name, .string(String(entry[entry.index(after: sign)...]))))
        }
    }
    return .object(members)
}

private func workingDirectory() -> JSON {
    var buffer = [CChar](repeating: 0, count: 4096)
    guard clinux_getcwd(&buffer, buffer.count) > 0 else { return .object([("error", .string(errorName(errno)))]) }
    return .string(String(decoding: buffer.prefix(while: { $0 != 0 }).map { UInt8(bitPattern: $0) }, as: UTF8.self))
}

private func executable() -> JSON { readLink("/proc/self/exe").map(JSON.string) ?? .null }

private func hostNames() -> [(String, JSON)] {
    var names = utsname()
    uname(&names)
    // Swift hides the member that glibc calls domainname: it is the last of six arrays of equal size.
    let domain = withUnsafeBytes(of: &names) { bytes in
        let last = UnsafeRawBufferPointer(rebasing: bytes[(bytes.count / 6 * 5)...])
        return String(decoding: last.prefix(while: { $0 != 0 }), as: UTF8.self)
    }
    return [
        ("hostname", .string(text(&names.nodename))), ("domainname", .string(domain)),
        ("kernel", .string(text(&names.release))),
    ]
}

private func printLine(_ value: JSON) {
    let bytes = Array((value.text + "\n").utf8)
    var offset = 0
    while offset < bytes.count {
        let count = bytes[offset...].withUnsafeBytes { write(1, $0.baseAddress, $0.count) }
        if count <= 0 { exit(74) }
        offset += count
    }
}

/// Pid 1 ignores signals without a handler, so `--hold` needs one.
private func catchTermination() {
    signal(SIGTERM) { _ in _exit(0) }
}

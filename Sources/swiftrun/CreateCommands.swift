// `create`, `run` and `exec`: the commands that bring processes into being.

internal import ContainerRuntime
internal import Glibc
internal import Kernel
internal import OCISpec

extension Option {
    // For every command that starts something.
    static let timings = value("timings", nil, "FILE", "append how long each step took, in microseconds")
    static let timingsFormat = value("timings-format", nil, "text|json", "the form of --timings (default text)")
}

private let creationOptions: [Option] = [
    .value("bundle", "b", "DIR", "the bundle (default: the working directory)"),
    .value("config", "f", "FILE", "a config other than the bundle's config.json"),
    .value("console-socket", nil, "PATH", "a socket that is sent the terminal's master"),
    .value("pidfd-socket", nil, "PATH", "a socket that is sent the init's pidfd"),
    .value("pid-file", nil, "FILE", "where to write the init's pid"),
    .flag("no-pivot", nil, "move the rootfs in place of pivot_root, for a rootfs on a ramdisk"),
    .flag("no-new-keyring", nil, "keep the caller's session keyring"),
    .value("preserve-fds", nil, "N", "how many descriptors from 3 on the program inherits"),
    .flag("dry-run", nil, "print what would be done and what would fail, and do nothing; needs no rights"),
    .value("format", nil, "text|json", "the form of --dry-run (default text)"),
    .timings, .timingsFormat,
]

extension Command {
    static let create = Command(
        name: "create", summary: "make a container that waits for start", usage: "<container-id | bundle>",
        options: creationOptions, arguments: 1...1, isSealed: true
    ) { call throws(CommandError) in
        let options = try creation(call)
        if call.options.has("dry-run") { return try dryRun(call, options, startsAtOnce: false) }
        try call.perform { () throws(Failure) in try call.runtime.create(options) }
        return 0
    }

    static let run = Command(
        name: "run", summary: "make a container and run its program", usage: "<container-id | bundle>",
        options: creationOptions + [
            .flag("detach", "d", "return as soon as the program runs"),
            .flag("keep", nil, "do not delete the container when it ends"),
            .flag("no-subreaper", nil, "do not become the parent of the container's orphans"),
        ], arguments: 1...1, isSealed: true
    ) { call throws(CommandError) in
        let options = try creation(call)
        if call.options.has("dry-run") { return try dryRun(call, options, startsAtOnce: true) }
        var run = RunOptions()
        run.isDetached = call.options.has("detach")
        run.keeps = call.options.has("keep")
        run.withoutSubreaper = call.options.has("no-subreaper")
        return try call.perform { () throws(Failure) in try call.runtime.run(options, run) }
    }

    private static func dryRun(
        _ call: Invocation, _ options: CreateOptions, startsAtOnce: Bool
    ) throws(CommandError) -> Int32 {
        let dryRun = try call.perform { () throws(Failure) in
            try call.runtime.dryRun(options, startsAtOnce: startsAtOnce, looksAtRootfs: true)
        }
        if call.options.given("format") == "json" {
            try printBytes(dryRun.json(indent: "  ") + [10])
        } else {
            for step in dryRun.steps { try printLine(step) }
            for problem in dryRun.problems { try printLine("would fail: \(problem)") }
        }
        guard let first = dryRun.problems.first else { return 0 }
        let others = dryRun.problems.count - 1
        let further = others == 0 ? "" : " (and \(others) more)"
        throw .failure(Failure(.invalid, "the container would not start: \(first)\(further)"))
    }

    static func creation(_ call: Invocation) throws(CommandError) -> CreateOptions {
        let given = call.options
        if let format = given.given("format"), format != "text", format != "json" {
            throw .failure(Failure(.invalid, "invalid format: \(format) (text and json are known)"))
        }
        // With the bundle named already the argument can only be an id.
        let bundle = given.value("bundle")
        let target = bundle == nil ? Target(given.arguments[0]) : Target(id: given.arguments[0])
        // As it was given: the path is only for people.
        let directory = bundle ?? (target.bundle == nil ? "." : given.arguments[0])
        var options = CreateOptions(id: target.id, bundle: directory)
        options.isNamedAfterBundle = target.bundle != nil
        options.configName = try call.perform { () throws(Failure) in try given.value("config").map(absolute) }
        options.consoleSocket = try call.perform { () throws(Failure) in
            try given.value("console-socket").map(socketPath)
        }
        options.pidfdSocket = try call.perform { () throws(Failure) in try given.value("pidfd-socket").map(socketPath) }
        // Before the bundle becomes the working directory.
        options.pidFile = try call.perform { () throws(Failure) in try given.value("pid-file").map(absolute) }
        options.withoutPivot = given.has("no-pivot")
        options.withoutNewKeyring = given.has("no-new-keyring")
        options.preservedDescriptors = try call.read { () throws(UsageError) in try given.number("preserve-fds") } ?? 0
        return options
    }

    static let exec = Command(
        name: "exec", summary: "run another program in a container",
        usage: "<container-id | bundle> [command [argument ...]]",
        options: [
            .value("console-socket", nil, "PATH", "a socket that is sent the terminal's master"),
            .value("pidfd-socket", nil, "PATH", "a socket that is sent the process's pidfd"),
            .value("cwd", nil, "CWD", "the working directory, in the container"),
            .list("env", "e", "NAME=VALUE", "a variable"),
            .flag("tty", "t", "give the process a terminal"),
            .value("user", "u", "UID[:GID]", "the user of the process"),
            .list("additional-gids", "g", "GID", "a supplementary group"),
            .value("process", "p", "FILE", "a file with a process object; the other options are then ignored"),
            .flag("detach", "d", "return as soon as the program runs"),
            .value("pid-file", nil, "FILE", "where to write the pid"),
            .value("process-label", nil, "LABEL", "the SELinux label"),
            .value("apparmor", nil, "PROFILE", "the AppArmor profile"),
            .flag("no-new-privs", nil, "set no_new_privs"),
            .list("cap", "c", "CAPABILITY", "a capability to add"),
            .value("preserve-fds", nil, "N", "how many descriptors from 3 on the program inherits"),
            .list("cgroup", nil, "CGROUP", "a cgroup below the container's: PATH, or CONTROLLER[,..]:PATH on v1"),
            .flag("ignore-paused", nil, "join a paused container, and wait"),
            .hidden("no-subreaper"), .timings, .timingsFormat,
        ], arguments: 1...Int.max, isSealed: true, failureStatus: 255
    ) { call throws(CommandError) in
        let options = try joining(call)
        return try call.perform { () throws(Failure) in try call.target().runtime.exec(options) }
    }

    private static func joining(_ call: Invocation) throws(CommandError) -> ExecOptions {
        let given = call.options
        var options = ExecOptions(id: call.target().id)
        // A first "--" says that what follows is the command, as it does before the id.
        let words = given.arguments.dropFirst()
        options.arguments = Array(words.first == "--" ? words.dropFirst() : words)
        options.processFile = given.value("process")
        guard options.processFile != nil || !options.arguments.isEmpty else {
            throw .failure(Failure(.invalid, "process args cannot be empty"))
        }
        options.consoleSocket = given.value("console-socket")
        options.pidfdSocket = given.value("pidfd-socket")
        options.pidFile = given.value("pid-file")
        options.workingDirectory = given.value("cwd")
        options.environment = given.all("env")
        try checkPlaces(options)
        options.hasTerminal = given.has("tty")
        try setUser(given, &options)
        options.capabilities = given.all("cap").map { $0.uppercased() }
        options.noNewPrivileges = given.has("no-new-privs")
        options.selinuxLabel = given.value("process-label")
        options.apparmorProfile = given.value("apparmor")
        options.isDetached = given.has("detach")
        options.preservedDescriptors = try call.read { () throws(UsageError) in try given.number("preserve-fds") } ?? 0
        options.cgroupPaths = given.all("cgroup")
        options.ignoresPaused = given.has("ignore-paused")
        return options
    }

    // The process object that is made of these options knows only properties of config.json.
    private static func checkPlaces(_ options: ExecOptions) throws(CommandError) {
        if options.processFile != nil { return }
        if let path = options.workingDirectory, !path.isAbsolutePath {
            throw .failure(Failure(.invalid, "--cwd \(path): Cwd must be an absolute path"))
        }
        for entry in options.environment where !entry.utf8.contains(UInt8(ascii: "=")) {
            throw .failure(Failure(.invalid, "--env \(entry): NAME=VALUE is needed"))
        }
    }

    // CVE-2016-3697, CVE-2026-30892: an invalid number is refused, and never becomes 0.
    private static func setUser(_ given: ParsedOptions, _ options: inout ExecOptions) throws(CommandError) {
        func number(_ text: Substring) -> UInt32? {
            guard !text.isEmpty, text.utf8.allSatisfy({ (48...57).contains($0) }), let id = UInt32(text),
                id != .max
            else { return nil }
            return id
        }
        // Also an empty one, which must never pass for the container's user: it may be root (CVE-2026-30892).
        if let user = given.given("user") {
            let parts = user.split(at: ":", maxSplits: 1, omittingEmptySubsequences: false)
            let ids = parts.compactMap(number)
            guard ids.count == parts.count else {
                throw .failure(Failure(.invalid, "--user \(user): a numeric id is needed, or two with a colon between"))
            }
            options.uid = ids.first
            options.gid = ids.dropFirst().first
        }
        for group in given.all("additional-gids") {
            guard let id = number(group[...]) else {
                throw .usage(UsageError(message: "--additional-gids: \"\(group)\" is not a numeric id"))
            }
            options.additionalGroups.append(id)
        }
    }
}

// An abstract name is not a path, and is refused as such. CVE-2020-15257.
func socketPath(_ name: String) throws(Failure) -> String { name.hasPrefix("@") ? name : try absolute(name) }

func absolute(_ path: String) throws(Failure) -> String {
    if path.isAbsolutePath { return path }
    guard let directory = getcwd(nil, 0) else { throw Failure(.invalid, "\(path): no working directory") }
    defer { free(directory) }
    return RawText.text(directory) + "/" + path
}

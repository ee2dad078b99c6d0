// `checkpoint` and `restore`.

internal import ContainerRuntime
internal import OCISpec
internal import Planning

private let imageOptions: [Option] = [
    .value("image-path", nil, "DIR", "where the images are (default ./checkpoint)"),
    .value("work-path", nil, "DIR", "where CRIU's log and statistics are written (default: beside the images)"),
    .flag("tcp-established", nil, "keep established TCP connections"),
    .flag("ext-unix-sk", nil, "let Unix sockets pass whose peer outside has a name"),
    .flag("shell-job", nil, "let processes pass whose session leader is outside"),
    .flag("file-locks", nil, "keep file locks"),
    .flag("lazy-pages", nil, "serve memory, or fetch it, when it is touched"),
    .flag("auto-dedup", nil, "drop from older images what newer ones have"),
    .value(
        "manage-cgroups-mode", nil, "soft|full|strict|ignore",
        "what CRIU does with cgroups (default ignore: they are the config's)"),
    .value(
        "network-lock", nil, "iptables|nftables|skip",
        "how the network is held meanwhile (default skip, with --tcp-established iptables)"),
    .list("empty-ns", nil, "network", "the namespace whose content is left to hooks, as is done anyway"),
]

extension Command {
    static let checkpoint = Command(
        name: "checkpoint", summary: "write a container's processes to files", usage: containerArgument,
        options: imageOptions + [
            .value(
                "parent-path", nil, "DIR", "an earlier checkpoint that this one is based on, relative to the image path"
            ),
            .flag("leave-running", nil, "do not end the container"),
            .flag("pre-dump", nil, "write memory only, and let the container run"),
            .flag("tcp-skip-in-flight", nil, "leave out half-open TCP connections"),
            .flag("link-remap", nil, "give deleted files a name again"),
            .value("page-server", nil, "ADDRESS:PORT", "where memory is sent to, or served at"),
            .value("status-fd", nil, "N", "a descriptor that is written to when --lazy-pages serves"),
        ], arguments: 1...1
    ) { call throws(CommandError) in
        let given = call.options
        var options = CheckpointOptions()
        options.image = try image(call)
        options.parentPath = given.value("parent-path").flatMap { $0.isEmpty ? nil : $0 }
        options.leavesRunning = given.has("leave-running")
        options.isPreDump = given.has("pre-dump")
        options.skipsConnectionsInFlight = given.has("tcp-skip-in-flight")
        options.linksDeletedFiles = given.has("link-remap")
        options.pageServer = try meant { () throws(InvalidSpec) in
            try given.value("page-server").map { text throws(InvalidSpec) in try ImageOptions.pageServer(text) }
        }
        if given.value("status-fd") != "-1" {
            options.statusDescriptor = try call.read { () throws(UsageError) in try given.number("status-fd") }
        }
        let target = call.target()
        try call.perform { () throws(Failure) in try target.runtime.checkpoint(id: target.id, options) }
        return 0
    }

    static let restore = Command(
        name: "restore", summary: "make a container from a checkpoint; its program continues",
        usage: containerArgument,
        options: imageOptions + [
            .value("bundle", "b", "DIR", "the bundle (default: the working directory)"),
            .flag("detach", "d", "return as soon as the program runs"),
            .value("console-socket", nil, "PATH", "a socket that is sent the terminal's master"),
            .value("pid-file", nil, "FILE", "where to write the init's pid"),
            .flag("no-subreaper", nil, "do not become the parent of the container's orphans"),
            .flag("tcp-close", nil, "restore TCP connections as closed ones"),
            .value("lsm-profile", nil, "TYPE:NAME", "another profile of apparmor or selinux, or none"),
            .value("lsm-mount-context", nil, "CONTEXT", "another SELinux context for mounts that have one"),
            .flag("allow-differing-image", nil, "let an image have more rights than the config grants"),
            .hidden("no-pivot"), .hidden("no-new-keyring"), .hidden("preserve-fds", argument: "N"),
        ], arguments: 1...1, isSealed: true
    ) { call throws(CommandError) in
        let given = call.options
        var options = RestoreOptions()
        options.image = try image(call)
        options.isDetached = given.has("detach")
        options.withoutSubreaper = given.has("no-subreaper")
        options.closesConnections = given.has("tcp-close")
        options.securityProfile = try meant { () throws(InvalidSpec) in
            try given.value("lsm-profile").map { text throws(InvalidSpec) in try ImageOptions.securityProfile(text) }
        }
        options.securityMountContext = given.value("lsm-mount-context")
        options.allowsDifferingImage = given.has("allow-differing-image")
        let create = try creation(call)
        return try call.perform { () throws(Failure) in try call.runtime.restore(create, options) }
    }

    private static func image(_ call: Invocation) throws(CommandError) -> ImageOptions {
        let given = call.options
        var options = ImageOptions()
        // Before the bundle becomes the working directory.
        options.imagePath = try call.perform { () throws(Failure) in
            try absolute(given.value("image-path").flatMap { $0.isEmpty ? nil : $0 } ?? "checkpoint")
        }
        options.workPath = try call.perform { () throws(Failure) in
            try given.value("work-path").flatMap { $0.isEmpty ? nil : $0 }.map(absolute)
        }
        options.keepsConnections = given.has("tcp-established")
        options.allowsExternalSockets = given.has("ext-unix-sk")
        options.isShellJob = given.has("shell-job")
        options.keepsFileLocks = given.has("file-locks")
        options.hasLazyPages = given.has("lazy-pages")
        options.deduplicates = given.has("auto-dedup")
        options.cgroupsMode = try meant { () throws(InvalidSpec) in
            try ImageOptions.cgroupsMode(named: given.value("manage-cgroups-mode") ?? "")
        }
        options.networkLock = try meant { () throws(InvalidSpec) in
            try given.value("network-lock").map { name throws(InvalidSpec) in
                try ImageOptions.networkLock(named: name)
            }
        }
        for name in given.all("empty-ns") where name != "network" {
            throw .failure(Failure(.invalid, "--empty-ns: namespace \"\(name)\" cannot be left empty; network can"))
        }
        return options
    }

    /// Runs the reading of a flag; what it refuses names the flag.
    private static func meant<Value>(_ body: () throws(InvalidSpec) -> Value) throws(CommandError) -> Value {
        do throws(InvalidSpec) { return try body() } catch { throw .failure(Failure(.invalid, "\(error)")) }
    }
}

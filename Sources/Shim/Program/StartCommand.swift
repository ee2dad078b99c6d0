// `start`: makes sure that a shim serves the container, and says where.

internal import CLinux
internal import Glibc
internal import Kernel
internal import ShimAPI

/// The helper that containerd runs for every container before it speaks to the shim.
struct StartCommand {
    let invocation: ShimInvocation

    /// Runs in the bundle's directory and returns what goes to standard output.
    func run() throws(ShimFailure) -> [UInt8] {
        let input = try StartRequest.readInput()
        let request = try StartRequest(input, id: invocation.id, namespace: invocation.namespace)
        let options = try RuncOptions(request.options)
        let socket = try socket(for: request)
        if let listener = try socket.claim() {
            do throws(ShimFailure) {
                try startDaemon(on: listener, at: socket, for: request, options: options)
            } catch {
                clinux_unlink(socket.path)
                throw error
            }
        }
        // containerd up to 1.6 reads the address from here when it restarts.
        let file = "address"
        try during("write \(file)") { () throws(Errno) in
            let descriptor = try OwnedDescriptor.open(file, [.writeOnly, .create, .truncate], mode: 0o600)
            try writeAll(socket.address.utf8, to: descriptor.rawValue)
        }
        return request.answer(address: socket.address, isPod: isPod)
    }

    /// Only a pod's bundle has no configuration.
    private var isPod: Bool { access("config.json", F_OK) != 0 && errno == ENOENT }

    private func socket(for request: StartRequest) throws(ShimFailure) -> ShimSocket {
        var directory: String?
        var containerd = invocation.address
        var isDebug = invocation.isDebug
        if case .parameters(let parameters) = request {
            directory = parameters.socketDir
            if containerd.isEmpty { containerd = parameters.containerdGrpcAddress }
            if parameters.logLevel <= debugLevel { isDebug = true }
        }
        return try ShimSocket(
            directory: directory, containerd: containerd, namespace: invocation.namespace,
            group: isPod ? invocation.id : try TaskBundle(path: ".").configuration().group ?? invocation.id,
            isDebug: isDebug)
    }

    private func startDaemon(
        on listener: borrowing OwnedDescriptor, at socket: ShimSocket, for request: StartRequest, options: RuncOptions
    ) throws(ShimFailure) {
        if environmentVariable("SCHED_CORE") != nil { try shareCoreOnlyWithOwnGroup() }
        var arguments = ["-namespace", invocation.namespace, "-id", invocation.id, "-socket", socket.path]
        if !invocation.address.isEmpty { arguments += ["-address", invocation.address] }
        if case .parameters(let parameters) = request {
            setenv("TTRPC_ADDRESS", parameters.containerdTtrpcAddress, 0)
            if parameters.logLevel <= debugLevel { arguments.append("-debug") }
        }
        if invocation.isDebug { arguments.append("-debug") }
        guard let executable = ownExecutable else { throw ShimFailure("find the shim's own executable") }
        let null = try during("open /dev/null") { () throws(Errno) in
            try OwnedDescriptor.open("/dev/null", .readWrite)
        }
        let daemon = Program(
            executable: executable, arguments: [executable] + arguments + ["serve"],
            descriptors: [null.rawValue, null.rawValue, null.rawValue, listener.rawValue], leadsGroup: true)
        let process = try during("start \(executable)") { () throws(Errno) in try daemon.start() }
        do throws(ShimFailure) {
            try setScore(of: process)
            if !options.shimCgroup.isEmpty { try ShimCgroup(path: options.shimCgroup).add(process) }
        } catch {
            kill(process, SIGKILL)
            throw error
        }
    }

    /// `DEBUG` of the bootstrap protocol's log levels; anything below says more.
    private var debugLevel: Int32 { -4 }

    /// When memory runs out, a shim should go before containerd, which started us.
    private func setScore(of process: pid_t) throws(ShimFailure) {
        let parent = getppid()
        guard let text = try? readText("/proc/\(parent)/oom_score_adj"),
            let score = Int(text.prefix { !$0.isWhitespace })
        else { return }
        let file = "/proc/\(process)/oom_score_adj"
        try during("write \(file)") { () throws(Errno) in try writeFile(file, String(min(score + 1, 1000))) }
    }

    /// Gives the process group, which the daemon will inherit the cookie from, CPU cores that strangers do not share.
    private func shareCoreOnlyWithOwnGroup() throws(ShimFailure) {
        let scheduleCore: Int32 = 62  // PR_SCHED_CORE
        let create: UInt = 1  // PR_SCHED_CORE_CREATE
        let processGroup: UInt = 2  // PIDTYPE_PGID
        try during("create a core scheduling cookie") { () throws(Errno) in
            try checked { clinux_prctl(scheduleCore, create, 0, processGroup, 0) }
        }
    }
}

// CRIU at work: a child of the runtime that has become `criu swrk`.

internal import Cgroups
internal import Criu
internal import CLinux
internal import Glibc
internal import Kernel

/// The open descriptors that CRIU inherits.
struct CriuDescriptors {
    /// stdin, stdout and stderr; the null device where there are none.
    var streams: [Int32] = []
    /// From ``Criu/Worker/firstInherited`` on.
    var inherited: [Int32] = []
}

/// The child's half of the few words before it is CRIU.
struct CriuChild {
    fileprivate let socket: Int32

    fileprivate enum Word: UInt8 { case adoptMe = 1, directory, ready, failed }

    /// Waits until the runtime has had the child moved into its cgroup.
    func askForAdoption() throws(Failure) {
        try during("ask for the cgroup") { () throws(Errno) in
            try sendMessage(socket, [Word.adoptMe.rawValue])
            guard try receiveMessage(socket).bytes == [proceed] else { throw .canceled }
        }
    }

    /// Hands the runtime a directory as it is in the child's mount namespace: CRIU mounts below where it works, and cannot
    /// do so in the mounts of others.
    func handOver(_ directory: borrowing OwnedDescriptor) throws(Failure) {
        let number = directory.rawValue
        try during("hand a directory over") { () throws(Errno) in
            try sendMessage(socket, [Word.directory.rawValue], descriptor: number)
        }
    }

    fileprivate func live(
        _ worker: Worker, _ prepare: (CriuChild) throws(Failure) -> CriuDescriptors
    ) -> Never {
        do throws(Failure) {
            try during("prepare criu's process") { () throws(Errno) in
                try releaseSignals()
                try processControl(.setParentDeathSignal, UInt(SIGKILL))
            }
            let given = try prepare(self)
            try during("execute \(worker.program)") { () throws(Errno) in
                // From here on it ends by itself, and tidies up, when the runtime is gone.
                try processControl(.setParentDeathSignal, 0)
                try sendMessage(socket, [Word.ready.rawValue])
                try worker.become(socket: socket, streams: given.streams, inherited: given.inherited)
            }
        } catch {
            do throws(Errno) {
                try sendMessage(socket, [Word.failed.rawValue] + Array(error.message.utf8.prefix(4000)))
            } catch {}
        }
        _exit(1)
    }
}

struct CriuProcess: ~Copyable {
    /// The descriptors from the child, in its order; open until CRIU has ended.
    let directories: [Int32]
    private let child: ChildProcess
    var pid: Int32 { child.pid }
    private let conversation: Conversation
    private let worker: Worker

    private init(
        directories: [Int32], child: consuming ChildProcess, conversation: consuming Conversation, worker: Worker
    ) {
        self.directories = directories
        self.child = child
        self.conversation = conversation
        self.worker = worker
    }

    /// - Parameters:
    ///   - prepare: what the child does before it is CRIU.
    ///   - adopt: what is done with its number when it asks for its cgroup.
    static func start(
        _ worker: Worker, namespaces: NamespaceSet = [], into cgroup: Int32? = nil,
        adopt: (Int32) throws(Failure) -> Void = { _ in },
        prepare: (CriuChild) throws(Failure) -> CriuDescriptors
    ) throws(Failure) -> CriuProcess {
        guard threadCount() == 1 else {
            throw Failure(.other, "the runtime has more than one thread; it cannot go on in a clone")
        }
        noteIgnoredSignals()
        let pair = try during("make a socket pair") { () throws(Errno) in try SocketPair() }
        let socket = pair.second.rawValue
        let cloned = try during("clone a process for criu") { () throws(Errno) in
            try cloneProcess(namespaces: namespaces, into: cgroup)
        }
        guard let child = cloned else { CriuChild(socket: socket).live(worker, prepare) }
        let here = pair.takeFirst()
        let directories: [Int32]
        do throws(Failure) {
            directories = try awaitReadiness(here.rawValue, child.pid, adopt)
        } catch {
            shutdown(here.rawValue, Int32(SHUT_RDWR))
            endCriu(child.pid, child.pidfd)
            throw error
        }
        let pidfd = child.pidfd.rawValue
        return CriuProcess(
            directories: directories, child: child, conversation: Conversation(here, with: pidfd), worker: worker)
    }

    private static func awaitReadiness(
        _ socket: Int32, _ pid: Int32, _ adopt: (Int32) throws(Failure) -> Void
    ) throws(Failure) -> [Int32] {
        var directories: [Int32] = []
        while true {
            var message = try during("receive a message from criu") { () throws(Errno) in try receiveMessage(socket) }
            switch message.bytes.first.flatMap(CriuChild.Word.init) {
            case .ready: return directories
            case .directory: if let directory = message.descriptor.take() { directories.append(directory.relinquish()) }
            case .adoptMe:
                try adopt(pid)
                try during("answer criu's process") { () throws(Errno) in try sendMessage(socket, [proceed]) }
            case .failed: throw Failure(.other, String(decoding: message.bytes.dropFirst(), as: UTF8.self))
            case nil: throw Failure(.other, "criu's process ended before it was criu (a cgroup limit may be too low)")
            }
        }
    }

    /// Asks what is answered at once, or on a slow machine after some work.
    /// - Parameter seconds: for how long CRIU may do nothing; it may not work for ten times as long.
    private borrowing func ask(_ request: Request, seconds: UInt64) throws(Failure) -> Response {
        var progress = CriuProgress(of: child.pid, patience: seconds)
        let end = monotonicNanoseconds() + 10 * seconds * 1_000_000_000
        do throws(ConversationError) {
            return try conversation.ask(
                request, limit: 1000, goesOn: { progress.continues() && monotonicNanoseconds() < end })
        } catch {
            // Nothing has begun, so that nothing has to be taken back.
            if error == .late { do throws(Errno) { try signalProcess(child.pidfd, SIGKILL) } catch {} }
            throw failure(error, silent: "has not answered for \(seconds) seconds")
        }
    }

    private borrowing func failure(_ error: ConversationError, silent sentence: String) -> Failure {
        switch error {
        case .late: Failure(.other, "criu (\(worker.program)) \(sentence)")
        case .ended: Failure(.other, "criu (\(worker.program)) ended without an answer")
        case .unreadable(let wire): Failure(.other, "criu's answer cannot be read: \(wire.problem)")
        case .system(let code): Failure("speak with criu", code)
        }
    }

    /// Which CRIU it is.
    borrowing func version() throws(Failure) -> CriuVersion {
        var request = Request(.version)
        request.keepsOpen = true
        let response = try ask(request, seconds: 20)
        guard response.succeeded, let version = response.version else {
            throw Failure(.other, "criu (\(worker.program)) does not tell its version")
        }
        return version
    }

    /// The kernel's support for some features.
    borrowing func features(_ wanted: KernelFeatures) throws(Failure) -> KernelFeatures {
        var request = Request(.featureCheck)
        request.keepsOpen = true
        request.features = wanted
        let response = try ask(request, seconds: 60)
        guard response.succeeded, let features = response.features else {
            throw Failure(.other, "criu (\(worker.program)) does not tell what the kernel can do")
        }
        return features
    }

    /// Asks for the work itself, which may take long, and hears the answer.
    /// - Parameter isWatched: whether CRIU has to get on with it all the time.
    borrowing func work(
        _ request: Request, isWatched: Bool = true, notified: (Notification, inout OwnedDescriptor?) -> Bool
    ) throws(Failure) -> Response {
        var progress = CriuProgress()
        do throws(ConversationError) {
            return try conversation.ask(
                request, limit: 5000,
                goesOn: {
                    guard isWatched else { return RequestToEnd.current == nil }
                    return progress.continues()
                }
            ) { notification, descriptor in
                let answer = notified(notification, &descriptor)
                progress = CriuProgress()
                return answer
            }
        } catch {
            throw failure(
                error, silent: "has done nothing for \(CriuProgress.patience) seconds, and has not answered")
        }
    }

    /// Lets CRIU go: without further requests it ends, and takes back what it had begun.
    /// - Parameters:
    ///   - isUrgent: whether it has not answered.
    ///   - port: of the page server that it speaks with.
    consuming func end(isUrgent: Bool = false, port: Int32? = nil) {
        for number in directories { close(number) }
        let child = finish()
        endCriu(child.pid, child.pidfd, patience: isUrgent ? 0 : CriuProgress.patience, port: port)
    }

    private consuming func finish() -> ChildProcess {
        conversation.end()
        return child
    }
}

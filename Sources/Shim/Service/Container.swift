// One container and its processes.

internal import ShimAPI
internal import TTRPC

/// A container that a shim keeps.
final class Container {
    let id: String
    let bundle: TaskBundle
    let runtime: OCIRuntime
    let options: RuncOptions
    let configuration: BundleConfiguration
    let rootfs: RootFilesystem
    let initProcess: TaskProcess
    var execs: [String: TaskProcess] = [:]
    var cgroup: TaskCgroup?
    var memoryWatch: MemoryWatch?
    /// The container's checkpoint, if it is to be restored.
    var checkpoint: String?

    /// Whether its Create was cancelled, although the runtime is still at work on it.
    var isCancelled = false

    /// Whether the init has ended, published or not.
    var isInitGone = false

    /// Processes whose exit must be published before the init's.
    private var livingExecs = 0
    private var afterExecs: (() -> Void)?
    /// Between the runtime's `start` and the TaskStart event the exit is held back.
    private var isStarting = false
    private var heldBackExit: (() -> Void)?

    init(
        id: String, bundle: TaskBundle, runtime: OCIRuntime, options: RuncOptions, configuration: BundleConfiguration,
        rootfs: RootFilesystem, initProcess: TaskProcess
    ) {
        self.id = id
        self.bundle = bundle
        self.runtime = runtime
        self.options = options
        self.configuration = configuration
        self.rootfs = rootfs
        self.initProcess = initProcess
    }

    /// The process that a request means; an empty exec id means the init.
    func process(_ execID: String) throws(Status) -> TaskProcess {
        if execID.isEmpty { return initProcess }
        guard let process = execs[execID] else { throw Status(.notFound, "process does not exist \(execID)") }
        return process
    }

    /// Why nothing can be exec'd any more, or nothing.
    var refusalOfExecStart: Status? {
        guard isInitGone || initProcess.state == .stopped || initProcess.pid == 0 else { return nil }
        return Status(.failedPrecondition, "container \(id) init process is not running")
    }

    // MARK: the order of exits

    /// Holds the init's exit back while it is being started, so that its start is published first.
    func beginStart() { isStarting = true }

    func endStart() {
        isStarting = false
        heldBackExit?()
        heldBackExit = nil
    }

    /// The init is gone and its output read; the body publishes the exit when its turn has come.
    func initExited(_ body: @escaping () -> Void) {
        let inTurn = { [self] in
            if livingExecs == 0 { body() } else { afterExecs = body }
        }
        if isStarting { heldBackExit = inTurn } else { inTurn() }
    }

    /// Stops waiting for exec processes to end before the exit of the init is published.
    func stopWaitingForExecs() {
        let body = afterExecs
        afterExecs = nil
        body?()
    }

    func execBegins() { livingExecs += 1 }

    func execEnded() {
        livingExecs -= 1
        if livingExecs == 0 { stopWaitingForExecs() }
    }
}

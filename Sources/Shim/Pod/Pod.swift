// A pod that a shim keeps without a process of its own.

internal import CLinux
internal import FoundationEssentials
internal import Glibc
internal import Kernel
internal import OCISpec

/// A pod, from its creation until it is shut down.
final class Pod {
    enum State: String {
        case created = "SANDBOX_UNKNOWN"
        case ready = "SANDBOX_READY"
        case stopped = "SANDBOX_NOTREADY"
    }

    let id: String
    let plan: PodPlan
    private(set) var state = State.created
    private(set) var createdAt: Timestamp
    private(set) var exit: Exit?
    private(set) var resources = PodResources()
    private let files: PodFiles
    private var namespaces: PodNamespaces?
    private var hasContainers = false
    private var waiting: [(isAwaited: () -> Bool, body: (Exit) -> Void)] = []

    init(id: String, bundle: String, plan: PodPlan) {
        self.id = id
        self.plan = plan
        files = PodFiles(bundle: bundle)
        createdAt = .now
    }

    /// The process that is first in a shared process id namespace; 0 when the pod has no process.
    var holder: pid_t { namespaces?.holder ?? 0 }

    /// Makes files and namespaces; what fails leaves nothing.
    func start() throws(ShimFailure) {
        resources.mounts = try files.make(plan)
        do throws(ShimFailure) {
            let made = try PodNamespaces(plan)
            resources.paths = made.paths
            namespaces = made
        } catch {
            files.remove()
            throw error
        }
        resources.host = Set(plan.host.kinds.map(\.rawValue))
        createdAt = .now
        state = .ready
    }

    /// Takes away what the pod had, and tells who waits.
    func stop(_ exit: Exit) {
        if state == .stopped { return }
        state = .stopped
        self.exit = exit
        namespaces = nil
        files.remove()
        let bodies = waiting
        waiting = []
        for waiter in bodies { waiter.body(exit) }
    }

    /// The pod's first process has ended by itself.
    func holderEnded(_ exit: Exit) {
        namespaces?.forgetHolder()
        stop(exit)
    }

    func whenStopped(isAwaited: @escaping () -> Bool, _ body: @escaping (Exit) -> Void) {
        if let exit { return body(exit) }
        // Clients that went away do not pile up.
        waiting.removeAll { !$0.isAwaited() }
        waiting.append((isAwaited, body))
    }

    /// Changes the configuration of a container in its bundle, so that it joins the pod.
    func admit(_ bundle: TaskBundle) throws(ShimFailure) {
        if state != .ready { throw ShimFailure("pod \(id) is not ready") }
        let file = bundle.path + "/config.json"
        let bytes = try readRegularFile(file)
        let spec: JSONValue
        do throws(InvalidSpec) {
            spec = try JSONDocument(bytes).decode()
        } catch {
            throw ShimFailure("\(file): \(error)")
        }
        if !hasContainers, let label = PodLabel(of: spec), PodLabel.isSupported { try files.label(label, plan) }
        hasContainers = true
        let joined: JSONValue
        do throws(ShimFailure) {
            joined = try resources.join(spec)
        } catch {
            throw ShimFailure("\(file): \(error)")
        }
        if joined == spec { return }
        let temporary = file + ".pod"
        try during("write \(file)") { () throws(Errno) in
            let descriptor = try OwnedDescriptor.open(temporary, [.writeOnly, .create, .truncate], mode: 0o600)
            try writeAll(joined.json(), to: descriptor.rawValue)
            try checked { rename(temporary, file) }
        }
    }
}

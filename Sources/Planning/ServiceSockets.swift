// The sockets of a service manager that starts the runtime: those that it has opened for the container, and the socket
// at which it waits for the container's readiness.

internal import Kernel

extension MountStep {
    private static let notifyKey = "NOTIFY_SOCKET"
    package static let notifyDestination = "/run/notify"
    /// The name of the socket in the mounted directory.
    package static let notifySocketName = "notify.sock"

    /// The mount of the directory with the socket to which the container sends its readiness message.
    ///
    /// It is not in the config. The directory is on the host: a read-only mount keeps the container from filling it.
    /// Sending to the socket needs only the socket's own mode.
    static func notify(source directory: String) -> MountStep {
        var mount = MountStep(
            key: notifyKey, destination: notifyDestination, object: .bind(source: directory, recursive: false))
        mount.attributes.merge(AttributeChange(set: [.readOnly, .noSuid, .noDev, .noExec]))
        return mount
    }

    package var isNotify: Bool { key == Self.notifyKey }
}

extension ProcessPlan {
    /// Adds the variables by which a program finds the sockets. sd_listen_fds(3), sd_notify(3).
    mutating func addServiceSockets(_ host: HostFacts, hasNotifyMount: Bool) {
        if let count = host.activationSockets { environment += ["LISTEN_FDS=\(count)", "LISTEN_PID=1"] }
        guard hasNotifyMount else { return }
        environment.removeAll { $0.hasPrefix("NOTIFY_SOCKET=") }
        environment.append("NOTIFY_SOCKET=\(MountStep.notifyDestination)/\(MountStep.notifySocketName)")
    }
}

extension ImageRecord {
    /// Whether the container had the mount for readiness messages when it was checkpointed.
    package var hasNotifySocket: Bool { externals.contains { $0.destination == MountStep.notifyDestination } }
}

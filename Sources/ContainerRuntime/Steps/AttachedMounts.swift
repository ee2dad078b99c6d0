// The mounts that a process has attached, until its work is complete.

internal import CLinux
internal import Glibc
internal import Kernel
internal import Planning

/// Mounts that were attached by this process: by their descriptors they can be detached again, wherever they are.
final class AttachedMounts {
    // /proc/self/fd of the host: the container's procfs does not know this process.
    private let directory: Int32
    private var numbers: [Int32] = []

    init() throws(Errno) { directory = try OwnedDescriptor.open("/proc/self/fd", .path | .directory).relinquish() }

    func add(_ mount: consuming OwnedDescriptor) { numbers.append(mount.relinquish()) }

    /// Has the runtime write down who a mount is before it is attached: only what is known can be removed later.
    func announce(_ mount: borrowing OwnedDescriptor, on channel: ChildChannel) throws(Errno) {
        let identity = try MountIdentity(of: mount.rawValue)
        try sendMessage(channel.socket, [ChildMessage.attaching.rawValue] + identity.bytes)
        // If this fails, the mounts attached so far have to be detached.
        guard try receiveMessage(channel.socket).bytes == [proceed] else { throw .canceled }
    }

    /// Detaches all, last first.
    func detachAll() throws(Errno) {
        while let number = numbers.popLast() { try detach(number) }
    }

    /// Detaches the mount whose root a descriptor is. umount2(2) takes no descriptor, but a link to one.
    ///
    /// The unmount of a peer of a host's mount would reach the host too. mount_namespaces(7).
    func detach(_ number: Int32) throws(Errno) {
        try changeMount(number, "", AttributeChange(), propagation: .slave, recursive: true)
        try checked { fchdir(directory) }
        // A mount that the container puts on top at this moment is detached instead, so it is tried again.
        for _ in 0..<16 {
            try detachMount("\(number)")
            if try !isAttached(number) { return }
        }
        throw .resourceBusy
    }

    private func isAttached(_ number: Int32) throws(Errno) -> Bool {
        let mount = try mountPlace(of: number).mount
        return try listMounts("../mountinfo", at: directory).contains { $0.id == mount }
    }
}

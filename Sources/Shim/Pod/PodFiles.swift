// A pod's files: host name, hosts, resolver, shared memory. They lie in its bundle.

internal import CLinux
internal import Glibc
internal import Kernel

/// The directory of a pod's files; also the sign that a bundle is a pod's.
struct PodFiles {
    static let sharedMemoryDestination = "/dev/shm"

    let directory: String

    init(bundle: String) { directory = bundle + "/pod" }

    private var sharedMemory: String { directory + "/shm" }

    /// Whether any file was made.
    var exist: Bool { access(directory, F_OK) == 0 }

    /// Makes all, and tells where containers are to find it; what fails leaves nothing.
    func make(_ plan: PodPlan) throws(ShimFailure) -> [PodResources.Mount] {
        // The pod's root must pass through.
        try makeDirectories(directory, mode: 0o711)
        do throws(ShimFailure) {
            var mounts: [PodResources.Mount] = []
            for file in plan.files where try make(file, plan) {
                mounts.append(PodResources.Mount(source: "\(directory)/\(file.name)", destination: file.destination))
            }
            if plan.hasSharedMemory { try mountSharedMemory(plan) }
            // A pod that shares the host's IPC namespace uses the host's /dev/shm too.
            let shared = plan.hasSharedMemory ? sharedMemory : Self.sharedMemoryDestination
            mounts.append(PodResources.Mount(source: shared, destination: Self.sharedMemoryDestination))
            return mounts
        } catch {
            remove()
            throw error
        }
    }

    /// - Returns: whether there is a file to mount.
    private func make(_ file: PodFile, _ plan: PodPlan) throws(ShimFailure) -> Bool {
        var bytes: [UInt8] = []
        switch file.content {
        case .text(let text): bytes = Array(text.utf8)
        case .host:
            if access(file.destination, F_OK) != 0, errno == ENOENT { return false }
            bytes = try readRegularFile(file.destination)
        }
        let path = "\(directory)/\(file.name)"
        try during("write \(path)") { () throws(Errno) in
            let descriptor = try OwnedDescriptor.open(path, [.writeOnly, .create, .truncate], mode: 0o600)
            try writeAll(bytes, to: descriptor.rawValue)
            // Independent of our umask.
            try checked { fchmod(descriptor.rawValue, 0o644) }
            if plan.maps != nil { try checked { fchown(descriptor.rawValue, plan.rootUser, plan.rootGroup) } }
        }
        return true
    }

    /// Labels all, before any container has it. Shared memory is mounted anew: as a mount option the label is that of every
    /// file, also of those that containers make.
    func label(_ label: PodLabel, _ plan: PodPlan) throws(ShimFailure) {
        for file in plan.files {
            let path = "\(directory)/\(file.name)"
            if access(path, F_OK) != 0 { continue }
            try during("label \(path) \(label.text)") { () throws(Errno) in try label.apply(toFile: path) }
        }
        guard plan.hasSharedMemory else { return }
        detachSharedMemory()
        try mountSharedMemory(plan, label)
    }

    private func mountSharedMemory(_ plan: PodPlan, _ label: PodLabel? = nil) throws(ShimFailure) {
        try makeDirectories(sharedMemory, mode: 0o700)
        let flags: UInt = 1 << 1 | 1 << 2 | 1 << 3  // MS_NOSUID, MS_NODEV, MS_NOEXEC
        let owner = plan.maps == nil ? "" : ",uid=\(plan.rootUser),gid=\(plan.rootGroup)"
        let context = label.map { ",context=\"\($0.text)\"" } ?? ""
        let data = "mode=1777,size=\(PodPlan.sharedMemorySize)" + owner + context
        let path = sharedMemory
        try during("mount shared memory on \(path)") { () throws(Errno) in
            try checked { clinux_mount("shm", path, "tmpfs", flags, data) }
        }
    }

    /// Removes the files that exist.
    func remove() {
        detachSharedMemory()
        rmdir(sharedMemory)
        for name in names(inDirectory: directory) { unlink("\(directory)/\(name)") }
        rmdir(directory)
    }
    private func detachSharedMemory() {
        let detach: Int32 = 2  // MNT_DETACH
        while clinux_umount2(sharedMemory, detach | RootFilesystem.noFollow) == 0 {}
    }
}

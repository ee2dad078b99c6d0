// Mounting and unmounting a container's root file system.

internal import CLinux
internal import Glibc
internal import Kernel
internal import ShimAPI
internal import SystemPackage

/// The mounts that make up a root file system; none when the caller has made it already.
struct RootFilesystem {
    let directory: String
    let mounts: [TaskMount]

    /// Mounts all, in order; what fails leaves nothing mounted.
    func mount() throws(ShimFailure) {
        if mounts.isEmpty { return }
        try makeDirectories(directory, mode: 0o711)
        do throws(ShimFailure) {
            for mount in mounts { try Self.mount(mount, below: directory) }
        } catch {
            unmount()
            throw error
        }
    }

    private static func mount(_ mount: TaskMount, below directory: String) throws(ShimFailure) {
        let target = mount.target.isEmpty ? directory : directory + "/" + mount.target
        let options = MountOptions(mount.options)
        let what = "mount \(mount.type) \(mount.source) on \(target)"
        if options.usesLoopDevice { throw ShimFailure("\(what): loop devices are not supported") }
        if let maps = try MountIDMaps(options) {
            let namespace = try maps.namespace()
            if mount.type == "overlay" {
                let layers = try MappedLayers(options.data, in: directory + ".lower", namespace: namespace)
                try mountFilesystem(what, mount, options.flags, layers.options, on: target)
            } else {
                try mountFilesystem(what, mount, options.flags, options.data, on: target)
                try mountMapped(target, on: target, in: namespace)
            }
        } else {
            try mountFilesystem(what, mount, options.flags, options.data, on: target)
        }
        if options.propagation != 0 { try call(what, "", target, "", options.propagation, []) }
        // A bind mount takes its other flags only when it is mounted anew.
        let readOnlyBind = MountOptions.bind | MountOptions.readOnly
        if options.flags & readOnlyBind == readOnlyBind {
            try call(what, "", target, "", options.flags | MountOptions.remount, [])
        }
    }

    private static func mountFilesystem(
        _ what: String, _ mount: TaskMount, _ flags: UInt, _ data: [String], on target: String
    ) throws(ShimFailure) {
        guard mount.type == "overlay", let compact = CompactOverlay(data) else {
            return try call(what, mount.source, target, mount.type, flags, data)
        }
        try inDirectory(compact.workingDirectory) { () throws(ShimFailure) in
            try call(what, mount.source, target, mount.type, flags, compact.options)
        }
    }

    private static func call(
        _ what: String, _ source: String, _ target: String, _ type: String, _ flags: UInt, _ data: [String]
    ) throws(ShimFailure) {
        let text = data.joined(separator: ",")
        try during(what) { () throws(Errno) in
            try checked { clinux_mount(source, target, type, flags, text.isEmpty ? nil : text) }
        }
    }

    /// Only the event loop uses paths, so the working directory may change under it for a moment.
    private static func inDirectory(
        _ path: String, _ body: () throws(ShimFailure) -> Void
    ) throws(ShimFailure) {
        let before = try during("open the working directory") { () throws(Errno) in
            try OwnedDescriptor.open(".", [.path, .directory])
        }
        try during("change to \(path)") { () throws(Errno) in try checked { chdir(path) } }
        defer { _ = fchdir(before.rawValue) }
        try body()
    }

    // MARK: the end

    /// Unmounts everything at and below the directory; what is busy is detached.
    func unmount() {
        // Usually that many mounts lie on the directory itself, and nothing below.
        for _ in 0...max(1, mounts.count) {
            if clinux_umount2(directory, Self.noFollow) == 0 { continue }
            if errno == EINVAL || errno == ENOENT { return }
            break
        }
        let detach: Int32 = 2  // MNT_DETACH
        for target in Self.mountPoints(below: directory) {
            if clinux_umount2(target, Self.noFollow) == 0 || errno == EINVAL { continue }
            if clinux_umount2(target, Self.noFollow | detach) != 0 {
                Log.warning("unmount \(target): \(Errno(rawValue: errno).word)")
            }
        }
    }

    private static let noFollow: Int32 = 8  // UMOUNT_NOFOLLOW

    /// Mount points at and below a directory, the last mounted first.
    private static func mountPoints(below directory: String) -> [String] {
        let table = (try? readText("/proc/self/mountinfo")) ?? ""
        let points = table.split(separator: "\n").compactMap { line -> String? in
            let fields = line.split(separator: " ", maxSplits: 5)
            return fields.count > 4 ? unescape(fields[4]) : nil
        }
        return points.reversed().filter { $0 == directory || $0.hasPrefix(directory + "/") }
    }

    /// Undoes the octal escapes of mountinfo.
    private static func unescape(_ text: Substring) -> String {
        var bytes: [UInt8] = []
        var rest = text.utf8
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "\\"), let code = UInt8(String(rest.prefix(3)) ?? "", radix: 8) {
                bytes.append(code)
                rest.removeFirst(3)
            } else {
                bytes.append(byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}

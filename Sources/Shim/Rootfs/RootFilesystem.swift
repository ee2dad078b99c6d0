// Mounting a container's root file system.

internal import CLinux
internal import Glibc
internal import Kernel
internal import ShimAPI

/// The mounts that make up a root file system; none when the caller has made it already.
struct RootFilesystem {
    let directory: String
    let mounts: [TaskMount]
    /// The bundle, whatever its name is when the mounts go: another directory may have its path then.
    private let bundle: DescriptorBox?

    init(directory: String, mounts: [TaskMount]) {
        self.directory = directory
        self.mounts = mounts
        let slash = directory.utf8.lastIndex(of: UInt8(ascii: "/")) ?? directory.startIndex
        let above = String(directory[..<slash]) + "/"
        do throws(Errno) {
            bundle = DescriptorBox(try OwnedDescriptor.open(above, [.path, .directory]))
        } catch {
            // Mounting fails too, and reports the reason.
            bundle = nil
        }
    }

    /// The directory's present path.
    private var presentPath: String {
        guard let number = bundle?.rawValue, let name = directory.split(at: "/").last else { return directory }
        return "/proc/self/fd/\(number)/\(name)"
    }

    /// Mounts all, in order; what fails leaves nothing mounted.
    func mount() throws(ShimFailure) {
        if mounts.isEmpty { return }
        try makeDirectories(directory, mode: 0o711)
        // A mount would lie where a link leads, and stay there.
        try during("open \(directory)") { () throws(Errno) in
            _ = try OwnedDescriptor.open(directory, [.path, .directory, .noFollow])
        }
        do throws(ShimFailure) {
            for mount in mounts {
                // The kernel would end a text there.
                guard
                    !([mount.type, mount.source, mount.target] + mount.options).contains(where: { $0.utf8.contains(0) })
                else { throw ShimFailure("mount on \(directory): a zero byte in it", .invalidArgument) }
                let what = "mount \(mount.type) \(mount.source) on \(directory)"
                if mount.target.isEmpty {
                    try Self.mount(what, mount, on: directory, besides: directory)
                } else {
                    try mountInside(what + "/" + mount.target, mount)
                }
            }
        } catch {
            unmount()
            throw error
        }
    }

    /// Where a mount is made before it is attached inside the root file system.
    private var staging: String { directory + ".mount" }

    /// Mounts on a path inside the root file system, whose links the image controls.
    ///
    /// mount(2) takes paths only, which would be followed out of it: the mount is made beside it, and a copy of that is
    /// attached where the target leads when it is resolved inside.
    private func mountInside(_ what: String, _ mount: TaskMount) throws(ShimFailure) {
        let (found, isDirectory) = try during(what) { () throws(Errno) in
            let root = RootDirectory(try OwnedDescriptor.open(directory, [.path, .directory, .noFollow]))
            let found = try root.open(mount.target)
            let isDirectory = try fileStatus(found.rawValue).isDirectory
            return (DescriptorBox(found), isDirectory)
        }
        guard let target = found.take() else { return }
        if isDirectory {
            try makeDirectories(staging, mode: 0o700)
        } else {
            try during(what) { () throws(Errno) in
                _ = try OwnedDescriptor.open(staging, [.writeOnly, .create, .noFollow], mode: 0o600)
            }
        }
        defer { removeStaging() }
        try Self.mount(what, mount, on: staging, besides: directory)
        try during(what) { () throws(Errno) in
            try attachMount(try cloneMount(staging, recursive: true), on: target)
        }
    }

    private func removeStaging() {
        let detach: Int32 = 2  // MNT_DETACH
        let staging = presentPath + ".mount"
        while clinux_umount2(staging, detach | Self.noFollow) == 0 {}
        if clinux_rmdir(staging) != 0 { clinux_unlink(staging) }
    }

    private static func mount(
        _ what: String, _ mount: TaskMount, on target: String, besides directory: String
    ) throws(ShimFailure) {
        let options = MountOptions(mount.options)
        // The kernel looks at no option of a bind mount that is not a flag: one that is meant to protect would be lost.
        if options.flags & MountOptions.bind != 0, let word = options.data.first {
            throw ShimFailure("\(what): unknown option \(word)")
        }
        if let word = options.unmetProtection {
            throw ShimFailure(
                "\(what): option \(word): images are not verified here, only by containerd's mount manager")
        }
        for text in options.directories { try NewDirectory(text).make() }
        var mount = mount
        if mount.type.hasPrefix("mkdir/") { mount.type.removeFirst(6) }
        // It is free again when the mount goes, or when there was none.
        let loop = try loopDevice(for: mount, options)
        if let path = loop?.path { mount.source = path }
        if let maps = try MountIDMaps(options) {
            let namespace = try maps.namespace()
            if mount.type == "overlay" {
                let layers = try MappedLayers(options.data, in: directory + ".lower", namespace: namespace)
                var mapped = options
                mapped.data = layers.options
                try mountFilesystem(what, mount, mapped, on: target)
            } else {
                try mountFilesystem(what, mount, options, on: target)
                try mountMapped(target, on: target, in: namespace)
            }
        } else {
            try mountFilesystem(what, mount, options, on: target)
        }
        withExtendedLifetime(loop) {}
        if options.propagation != 0 { try call(what, "", target, "", options.propagation, []) }
        // mount(2) gives a bind mount none of its other flags. They are added to those that the source has.
        let attributes = MountOptions.attributes(options.flags)
        if options.flags & MountOptions.bind != 0, !attributes.isEmpty {
            try during(what) { () throws(Errno) in
                try changeMount(OwnedDescriptor.currentDirectory, target, AttributeChange(set: attributes))
            }
        }
    }

    /// The loop device of a file that is to be mounted; nil if the source is mounted as it is.
    private static func loopDevice(
        for mount: TaskMount, _ options: MountOptions
    ) throws(ShimFailure) -> LoopDevice? {
        if !options.usesLoopDevice || mount.type == "erofs" { return nil }
        return try LoopDevice(
            mount.source, isReadOnly: options.flags & MountOptions.readOnly != 0, isDirect: options.isDirect)
    }

    private static func mountFilesystem(
        _ what: String, _ mount: TaskMount, _ options: MountOptions, on target: String
    ) throws(ShimFailure) {
        let (flags, data) = (options.flags, options.data)
        if mount.type == "erofs" {
            return try ErofsImage(source: mount.source, data: data, flags: flags, isDirect: options.isDirect)
                .mount(what, on: target)
        }
        guard mount.type == "overlay", let overlay = CompactOverlay(data) else {
            return try call(what, mount.source, target, mount.type, flags, data)
        }
        if overlay.isTooLong {
            return try during(what) { () throws(Errno) in try mountByLayers(mount.source, data, flags, on: target) }
        }
        try inDirectory(overlay.workingDirectory) { () throws(ShimFailure) in
            try call(what, mount.source, target, mount.type, flags, overlay.options)
        }
    }

    /// Mounts an overlay whose options no page holds; for kernels from 6.7 on, which take one layer at a time.
    private static func mountByLayers(
        _ source: String, _ data: [String], _ flags: UInt, on target: String
    ) throws(Errno) {
        let overlay = try FilesystemContext(type: "overlay")
        if !source.isEmpty { try overlay.set("source", source) }
        let layersKey = "lowerdir="
        for word in data {
            if word.hasPrefix(layersKey) {
                for layer in word.dropFirst(layersKey.count).split(at: ":") {
                    try overlay.set("lowerdir+", String(layer))
                }
                continue
            }
            let parts = word.split(at: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            try overlay.set(parts[0], parts.count > 1 ? parts[1] : nil)
        }
        if flags & MountOptions.readOnly != 0 { try overlay.set("ro", nil) }
        try attachMount(
            try overlay.mount(MountOptions.attributes(flags)), on: try OwnedDescriptor.open(target, [.path, .noFollow]))
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
        try during("change to \(path)") { () throws(Errno) in try checked { clinux_chdir(path) } }
        defer { _ = fchdir(before.rawValue) }
        try body()
    }

    // MARK: the end

    static let noFollow: Int32 = 8  // UMOUNT_NOFOLLOW

    /// Unmounts everything at and below the directory; what is busy is detached.
    func unmount() {
        if mounts.allSatisfy({ $0.target.isEmpty }) {
            // Usually that many mounts lie on the directory itself, and nothing below.
            for _ in 0...max(1, mounts.count) {
                if clinux_umount2(presentPath, Self.noFollow) == 0 { continue }
                if errno == EINVAL || errno == ENOENT { return }
                break
            }
        }
        unmountAll()
    }

    /// The same when it is not known what was mounted, or whether all of it was.
    func unmountAll() {
        removeStaging()
        MappedLayers.unmount(presentPath + ".lower")
        MountsBelow(presentPath)?.unmount()
    }
}

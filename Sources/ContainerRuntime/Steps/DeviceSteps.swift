// The child's device nodes and links, made through descriptors of the directories they lie in.

internal import CLinux
internal import Glibc
internal import Kernel
internal import OCISpec
internal import Planning

/// Makes the nodes and links of a plan.
struct DeviceSteps {
    let plan: DevicePlan
    let hostDirectories: HostDirectories
    /// Where devices to bind are, if the init's mount namespace does not have the host's mounts.
    var host: RootfsNamespace?

    func run(in root: borrowing RootDirectory) throws(StepReport) {
        guard !plan.nodes.isEmpty || !plan.links.isEmpty else { return }
        // Opened once, inside the root: a /dev that is a link cannot lead out of it (CVE-2026-41579).
        let dev = try call(.device) { () throws(Errno) in try root.openOrMake("/dev", .directory) }
        // As if the config bound it on /dev by name: a link of the image may lead there.
        let isHosts = try call(.device) { () throws(Errno) in try hostDirectories.contain(dev, in: root) }
        if isHosts { return }
        // The modes of the nodes are the config's, not the caller's habit.
        let umaskBefore = umask(0)
        defer { umask(umaskBefore) }
        for (index, node) in plan.nodes.enumerated() {
            try step(.device, index) { () throws(ActionFailure) in
                let name = String(node.path.dropFirst(5))
                if node.path.hasPrefix("/dev/"), !name.utf8.contains(UInt8(ascii: "/")) {
                    try make(node, name, in: dev)
                } else {
                    let place = try part(.makeTarget) { () throws(Errno) in try root.parent(of: node.path) }
                    try check(place.directory, of: node, in: root)
                    try make(node, place.name, in: place.directory)
                }
            }
        }
        for (index, link) in plan.links.enumerated() { try makeLink(link, index, in: dev) }
    }

    // The config may ask for a device in a directory that it has bound. A link of the image may not.
    private func check(
        _ directory: borrowing OwnedDescriptor, of node: DeviceStep, in root: borrowing RootDirectory
    ) throws(ActionFailure) {
        if hostDirectories.areNamed(by: node.path) { return }
        let isHosts = try part(.makeTarget) { () throws(Errno) in try hostDirectories.contain(directory, in: root) }
        if isHosts { throw ActionFailure(action: .linkOnTheWay, code: .notPermitted) }
    }

    private func make(_ node: DeviceStep, _ name: String, in directory: borrowing OwnedDescriptor) throws(ActionFailure)
    {
        let number = directory.rawValue
        if node.isBound { return try bind(node, name, in: number) }
        let device = clinux_makedev(node.major, node.minor)
        do throws(Errno) {
            try checked { clinux_mknodat(number, name, node.kind.rawValue | node.mode, dev_t(device)) }
        } catch {
            switch error {
            case .fileExists: return try keep(node, name, in: number)
            case .notPermitted: return try bind(node, name, in: number)
            default: throw ActionFailure(action: .makeNode, code: error)
            }
        }
        guard node.uid != 0 || node.gid != 0 else { return }
        try part(.owner) { () throws(Errno) in
            try checked { clinux_fchownat(number, name, node.uid, node.gid, AT_SYMLINK_NOFOLLOW) }
        }
    }

    // runtime-spec, config-linux.md, "Devices": an error unless what is there is the device that is asked for.
    private func keep(_ node: DeviceStep, _ name: String, in directory: Int32) throws(ActionFailure) {
        let there = try part(.makeNode) { () throws(Errno) in
            try OwnedDescriptor.open(name, .path | .noFollow, at: directory)
        }
        let status = try part(.makeNode) { () throws(Errno) in try fileStatus(there.rawValue) }
        if node.isSameDevice(as: status) { return }
        guard try isMounted(there) else { throw ActionFailure(action: .differentNode, code: .fileExists) }
    }

    // An image has no mounts: it is the config's, by a path through links, or a hook's.
    private func isMounted(_ place: borrowing OwnedDescriptor) throws(ActionFailure) -> Bool {
        let number = place.rawValue
        return try part(.makeNode) { () throws(Errno) in try mountPlace(of: number).isRoot }
    }

    private func bind(_ node: DeviceStep, _ name: String, in directory: Int32) throws(ActionFailure) {
        let tree = try hostDevice(node)
        let place = try part(.makeTarget) { () throws(Errno) in
            do throws(Errno) {
                _ = try OwnedDescriptor.open(
                    name, .writeOnly | .create | .exclusive | .noFollow, mode: 0o666, at: directory)
            } catch {
                guard error == .fileExists else { throw error }
            }
            return try OwnedDescriptor.open(name, .path | .noFollow, at: directory)
        }
        if try isMounted(place) { return }
        try part(.attach) { () throws(Errno) in try attachMount(tree, on: place) }
    }

    private func hostDevice(_ node: DeviceStep) throws(ActionFailure) -> OwnedDescriptor {
        let places = node.hostPaths
        do throws(ActionFailure) {
            return try hostDevice(node, at: places.named)
        } catch let first {
            do throws(ActionFailure) { return try hostDevice(node, at: places.numbered) } catch { throw first }
        }
    }

    private func hostDevice(_ node: DeviceStep, at path: String) throws(ActionFailure) -> OwnedDescriptor {
        let tree = try part(.openSource) { () throws(Errno) in try host.cloneFromHost(path, recursive: false) }
        let status = try part(.openSource) { () throws(Errno) in try fileStatus(tree.rawValue) }
        if !node.isSameDevice(as: status) {
            throw ActionFailure(action: .otherDevice, code: .noSuchDevice, text: status.deviceText)
        }
        if node.asksForMode, status.mode & 0o7777 != node.mode {
            throw ActionFailure(
                action: .otherDevice, code: .notPermitted, text: "mode 0" + String(status.mode & 0o7777, radix: 8))
        }
        return tree
    }

    private func makeLink(_ link: DeviceLink, _ index: Int, in dev: borrowing OwnedDescriptor) throws(StepReport) {
        let number = dev.rawValue
        // As engines expect: only where the host shows kernel memory at all.
        if link.name == "core", !host.exists(onHost: "/proc/kcore") { return }
        if link.replaces { clinux_unlinkat(number, link.name, 0) }
        try call(.deviceLink, index) { () throws(Errno) in
            do throws(Errno) {
                try checked { clinux_symlinkat(link.target, number, link.name) }
            } catch {
                guard error == .fileExists else { throw error }
            }
        }
    }
}

extension DeviceStep {
    /// Paths at which the host may have the device. The file at the same path may be another; udev keeps a link to each
    /// device under its numbers.
    fileprivate var hostPaths: (named: String, numbered: String) {
        (path, "/dev/\(kind == .block ? "block" : "char")/\(major):\(minor)")
    }

    /// The part of the requested owner that the host's device does not have. Compared outside: inside the user
    /// namespace all unmapped ids look alike.
    ///
    /// Engines give the ids that they see on the host, and the specification means ids of the container. Both are
    /// accepted.
    func foreignOwner(_ namespaces: NamespacePlan) -> String? {
        guard asksForUser || asksForGroup else { return nil }
        for path in [hostPaths.named, hostPaths.numbered] {
            let status: FileStatus
            do throws(Errno) { status = try fileStatus(at: path) } catch { continue }
            guard isSameDevice(as: status) else { continue }
            let user = !asksForUser || [uid, namespaces.uidMappings.hostID(of: uid)].contains(status.uid)
            let group = !asksForGroup || [gid, namespaces.gidMappings.hostID(of: gid)].contains(status.gid)
            return user && group ? nil : "\(status.uid):\(status.gid)"
        }
        return nil
    }

    /// Whether a file has this device's type and numbers.
    func isSameDevice(as status: FileStatus) -> Bool {
        guard status.mode & S_IFMT == kind.rawValue else { return false }
        return kind == .fifo || (status.majorNumber == major && status.minorNumber == minor)
    }
}

extension FileStatus {
    /// `c 1:3`, or that it is none.
    var deviceText: String {
        switch mode & S_IFMT {
        case S_IFCHR: "c \(majorNumber):\(minorNumber)"
        case S_IFBLK: "b \(majorNumber):\(minorNumber)"
        default: "no device"
        }
    }
}

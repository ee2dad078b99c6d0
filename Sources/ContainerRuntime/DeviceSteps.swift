// The child's device nodes and links, made through descriptors of the directories they lie in.

internal import CLinux
internal import Glibc
internal import Kernel
internal import Planning
internal import SystemPackage

/// Makes the nodes and links of a plan.
struct DeviceSteps {
    let plan: DevicePlan

    func run(in root: borrowing RootDirectory) throws(StepReport) {
        guard !plan.nodes.isEmpty || !plan.links.isEmpty else { return }
        // Opened once, inside the root: a /dev that is a link leads nowhere else (CVE-2026-41579).
        let dev = try call(.device) { () throws(Errno) in try root.openOrMake("/dev", .directory) }
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
                    try make(node, place.name, in: place.directory)
                }
            }
        }
        for (index, link) in plan.links.enumerated() { try makeLink(link, index, in: dev) }
    }

    private func make(_ node: DeviceStep, _ name: String, in directory: borrowing OwnedDescriptor) throws(ActionFailure)
    {
        let number = directory.rawValue
        if node.isBound { return try bind(node, name, in: number) }
        let device = clinux_makedev(node.major, node.minor)
        do throws(Errno) {
            try checked { mknodat(number, name, node.kind.rawValue | node.mode, dev_t(device)) }
        } catch {
            switch error {
            case .fileExists: return try keep(node, name, in: number)
            case .notPermitted: return try bind(node, name, in: number)
            default: throw ActionFailure(action: .makeNode, code: error)
            }
        }
        guard node.uid != 0 || node.gid != 0 else { return }
        try part(.owner) { () throws(Errno) in
            try checked { fchownat(number, name, node.uid, node.gid, AT_SYMLINK_NOFOLLOW) }
        }
    }

    // runtime-spec, config-linux.md, "Devices": an error unless what is there is the device that is asked for.
    private func keep(_ node: DeviceStep, _ name: String, in directory: Int32) throws(ActionFailure) {
        let status = try part(.makeNode) { () throws(Errno) in
            try fileStatus(at: name, in: directory, followLinks: false)
        }
        let sameKind = status.mode & S_IFMT == node.kind.rawValue
        let sameNumbers =
            node.kind == .fifo || (status.majorNumber == node.major && status.minorNumber == node.minor)
        guard sameKind, sameNumbers else { throw ActionFailure(action: .differentNode, code: .fileExists) }
    }

    private func bind(_ node: DeviceStep, _ name: String, in directory: Int32) throws(ActionFailure) {
        let tree = try part(.openSource) { () throws(Errno) in try cloneMount(node.path, recursive: false) }
        let place = try part(.makeTarget) { () throws(Errno) in
            do throws(Errno) {
                _ = try OwnedDescriptor.open(
                    name, .writeOnly | .create | .exclusive | .noFollow, mode: 0o666, at: directory)
            } catch {
                guard error == .fileExists else { throw error }
            }
            return try OwnedDescriptor.open(name, .path | .noFollow, at: directory)
        }
        try part(.attach) { () throws(Errno) in try attachMount(tree, on: place) }
    }

    private func makeLink(_ link: DeviceLink, _ index: Int, in dev: borrowing OwnedDescriptor) throws(StepReport) {
        let number = dev.rawValue
        // As engines expect: only where the host shows kernel memory at all.
        if link.name == "core", clinux_faccessat2(-100, "/proc/kcore", F_OK, 0) != 0 { return }
        if link.replaces { unlinkat(number, link.name, 0) }
        try call(.deviceLink, index) { () throws(Errno) in
            do throws(Errno) {
                try checked { symlinkat(link.target, number, link.name) }
            } catch {
                guard error == .fileExists else { throw error }
            }
        }
    }
}

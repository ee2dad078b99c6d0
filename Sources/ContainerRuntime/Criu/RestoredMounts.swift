// Gathers what the mounts of restored processes are, and where they may come from.

internal import Cgroups
internal import CLinux
internal import Glibc
internal import Kernel
internal import Planning

struct RestoredMounts {
    let plan: ContainerPlan
    let stage: Stage
    let location: CgroupLocation
    /// CRIU's process, in whose mount namespace the sources are.
    let criu: Int32

    /// - Parameter pid: the init, or another process in a mount namespace of its own.
    /// - Returns: in what the mounts differ from the config.
    func difference(of pid: Int32) throws(Failure) -> String? {
        let root = try during("open /proc/\(pid)/root") { () throws(Errno) in
            RootDirectory(try OwnedDescriptor.open("/proc/\(pid)/root", .path | .directory))
        }
        // mountinfo has what is below the root of the process alone.
        guard try during("look above the root of process \(pid)", { () throws(Errno) in try isTop(root) }) else {
            return "the root of process \(pid) is a directory of the container, and what is mounted beside it is hidden"
        }
        var evidence = MountEvidence()
        evidence.mounts = try mountFacts(of: pid)
        evidence.outside = try mountFacts(of: criu)
        evidence.cgroups = location.directories.compactMap { directory in
            guard let status = try? fileStatus(at: directory.fullPath) else { return nil }
            return MountOrigin(device: text(status.device), root: directory.path)
        }
        evidence.places = plan.mounts.map { mountNumber(at: $0.destination, in: root) }
        evidence.blockDevices = plan.mounts.map { step in
            guard case .filesystem(_, let source, _) = step.object, source.isAbsolutePath,
                let status = try? fileStatus(at: source), status.mode & S_IFMT == S_IFBLK
            else { return nil }
            return text(status.special)
        }
        evidence.masked = plan.root.maskedPaths.map { place($0.path, in: root) }
        evidence.readOnly = plan.root.readonlyPaths.map { place($0.path, in: root) }
        return plan.difference(from: evidence, try canonicalStage())
    }

    // Above the root of a mount namespace there is nothing but itself.
    private func isTop(_ root: borrowing RootDirectory) throws(Errno) -> Bool {
        let above = try OwnedDescriptor.open("..", .path | .directory, at: root.descriptor.rawValue)
        let (here, there) = (
            try mountPlace(of: root.descriptor.rawValue), try mountPlace(of: above.rawValue)
        )
        let (own, other) = (try fileStatus(root.descriptor.rawValue), try fileStatus(above.rawValue))
        return here.isRoot && here.mount == there.mount && FileIdentity(own) == FileIdentity(other)
    }

    private func place(_ path: String, in root: borrowing RootDirectory) -> MountEvidence.Place {
        guard let file = try? root.open(path), let found = try? mountPlace(of: file.rawValue) else { return .missing }
        return found.isRoot ? .mount(found.mount) : .plain
    }

    // The kernel lists the stage by its real path.
    private func canonicalStage() throws(Failure) -> Stage {
        try during("look at \(stage.directory)") { () throws(Errno) in
            let directory = try OwnedDescriptor.open(stage.directory, .path | .directory)
            return Stage(
                directory: try readLink(OwnedDescriptor.currentDirectory, "/proc/self/fd/\(directory.rawValue)"))
        }
    }

    // As in mountinfo.
    private func text(_ device: UInt64) -> String {
        "\(clinux_major(device)):\(clinux_minor(device))"
    }
}

/// The mounts that a process sees.
func mountFacts(of pid: Int32) throws(Failure) -> [MountFact] {
    let path = "/proc/\(pid)/mountinfo"
    return try during("read \(path)") { () throws(Errno) in try listMounts(path) }.map {
        MountFact(
            number: $0.id, path: $0.path, type: $0.type, device: $0.device, root: $0.root,
            attributes: attributes($0.options))
    }
}

private func attributes(_ options: String) -> MountAttributes {
    var result: MountAttributes = []
    for option in options.split(separator: ",") {
        switch option {
        case "ro": result.insert(.readOnly)
        case "nosuid": result.insert(.noSuid)
        case "nodev": result.insert(.noDev)
        case "noexec": result.insert(.noExec)
        case "nosymfollow": result.insert(.noSymlinkFollow)
        default: break
        }
    }
    return result
}

/// The mount that lies at a path, links followed inside of the container's root.
func mountNumber(at path: String, in root: borrowing RootDirectory) -> UInt64? {
    guard let place = try? root.open(path), let found = try? mountPlace(of: place.rawValue), found.isRoot else {
        return nil
    }
    return found.mount
}

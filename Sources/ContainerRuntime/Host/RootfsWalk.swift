// Where a path leads in a rootfs before a container exists: for what a dry run says would fail.

internal import Glibc
internal import Kernel
internal import Planning

/// Follows paths name by name, links inside of the rootfs, up to the first name that a mount of the plan covers.
///
/// It asks by paths without links that it has found itself. Somebody who renames files meanwhile can only make it see wrong.
struct RootfsWalk: ~Copyable {
    let root: RootDirectory
    /// The places of mounts, without links: what lies there or below is not known.
    private var covered: [String] = []

    enum Arrival {
        /// Without links, and what is there.
        case found(FileStatus, String)
        /// Nothing is there; without links, as it would be made.
        case missing(String)
        case covered
        /// Whoever asks may not look.
        case unknown
        case failed(Errno)
        /// A directory that the user may not pass.
        case denied(String, FileStatus)
    }

    init(_ root: consuming RootDirectory) { self.root = root }

    /// Takes account of a mount: the next one may lie in it.
    mutating func cover(_ mount: MountStep) {
        if case .remount = mount.object { return }
        switch arrive(at: mount.destination) {
        case .found(_, let place), .missing(let place): covered.append(place)
        case .covered, .unknown, .failed, .denied: break
        }
        // The link itself, or one that is made in this place.
        if !mount.followsDestination || mount.copiesLink { covered.append(cleanPath(mount.destination)) }
    }

    /// - Parameter user: who walks; nil for one who may pass every directory.
    func arrive(at path: String, as user: FileUser? = nil) -> Arrival {
        var pending = names(path)
        var here: [String] = []
        var links = 0
        if isCovered(here) { return .covered }
        while !pending.isEmpty {
            let name = pending.removeFirst()
            if name == ".." {
                _ = here.popLast()
                continue
            }
            here.append(name)
            if isCovered(here) { return .covered }
            do throws(Errno) {
                let file = try status(here)
                if file.isSymbolicLink {
                    links += 1
                    // As the kernel. path_resolution(7).
                    guard links <= 40 else { return .failed(Errno(rawValue: ELOOP)) }
                    let target = try readLink(root.descriptor.rawValue, relative(here))
                    if target.isAbsolutePath { here = [] } else { here.removeLast() }
                    pending = names(target) + pending
                    continue
                }
                if pending.isEmpty { continue }
                guard file.isDirectory else { return .failed(.notDirectory) }
                if let user, !user.mayPass(file) { return .denied(absolute(here), file) }
            } catch {
                switch error {
                case .noSuchFileOrDirectory: return .missing(cleanPath(absolute(here + pending)))
                case .permissionDenied, .notPermitted: return .unknown
                default: return .failed(error)
                }
            }
        }
        do throws(Errno) { return .found(try status(here), absolute(here)) } catch { return .unknown }
    }

    private func isCovered(_ here: [String]) -> Bool {
        if covered.isEmpty { return false }
        let path = absolute(here)
        return covered.contains { $0.isSame(as: path) }
    }

    private func status(_ here: [String]) throws(Errno) -> FileStatus {
        try fileStatus(at: relative(here), in: root.descriptor.rawValue, followLinks: false)
    }

    private func names(_ path: String) -> [String] {
        path.split(at: "/", omittingEmptySubsequences: true).filter { $0 != "." }.map { String($0) }
    }

    private func absolute(_ names: [String]) -> String { "/" + names.joined(separator: "/") }
    private func relative(_ names: [String]) -> String { names.isEmpty ? "." : names.joined(separator: "/") }
}

/// What the mode of a file lets a process do that has its ids and capabilities. capabilities(7), path_resolution(7).
struct FileUser {
    let uid: UInt32
    let groups: [UInt32]
    private let overrides: Bool
    private let passesAll: Bool

    /// nil if ids of the rootfs have another meaning inside.
    init?(_ plan: ContainerPlan) {
        guard !plan.namespaces.has(.user) else { return nil }
        uid = plan.process.uid
        groups = [plan.process.gid] + plan.process.additionalGroups
        let names = plan.process.capabilities.effective.memberNames
        overrides = names.contains("CAP_DAC_OVERRIDE")
        passesAll = overrides || names.contains("CAP_DAC_READ_SEARCH")
    }

    func mayPass(_ directory: FileStatus) -> Bool { passesAll || hasBit(directory) }
    func mayExecute(_ file: FileStatus) -> Bool { overrides ? file.mode & 0o111 != 0 : hasBit(file) }

    private func hasBit(_ file: FileStatus) -> Bool {
        if file.uid == uid { return file.mode & 0o100 != 0 }
        return file.mode & (groups.contains(file.gid) ? 0o010 : 0o001) != 0
    }
}

// Which cgroup keeps a container's processes frozen: the container's own, one above it, or one that the container made.

internal import Glibc
internal import Kernel

extension Cgroup {
    /// The files that begin with `1` while the cgroup or one above it is frozen, the nearest first. On a hybrid host both
    /// the v1 freezer and the unified tree freeze processes.
    package var freezerFiles: [String] { Self.freezerFiles(of: location.directories) }

    /// The same for the present cgroups of a process.
    package func freezerFiles(ofProcess pid: Int32) -> [String] {
        do throws(CgroupFailure) { return Self.freezerFiles(of: try directories(ofProcess: pid)) } catch { return [] }
    }

    /// The frozen cgroup that stops the processes of this one, or a process which may be in another.
    package func frozenPlace(of pid: Int32? = nil) -> String? {
        let files = freezerFiles + (pid.map(freezerFiles(ofProcess:)) ?? [])
        guard let file = files.first(where: Self.isFrozen) else { return nil }
        return String(
            decoding: file.utf8.prefix(upTo: file.utf8.lastIndex(of: UInt8(ascii: "/")) ?? file.utf8.endIndex),
            as: UTF8.self)
    }

    /// Whether the v1 freezer stops the processes of this cgroup, here or above: one call in the usual case.
    package var isStopped: Bool {
        guard let directory = location.directory(of: "freezer"), !directory.isUnified else { return false }
        do throws(Errno) { return try !readText(directory.fullPath + "/freezer.state").hasPrefix("THAWED") } catch {
            return false
        }
    }

    /// Whether a frozen cgroup of v1 stops the process: it then does not even end when it is killed.
    package func keepsFromEnding(_ pid: Int32) -> Bool {
        let frozen = (freezerFiles + freezerFiles(ofProcess: pid)).filter(Self.isFrozen)
        return frozen.contains { $0.utf8.suffix(Self.legacyFile.utf8.count).elementsEqual(Self.legacyFile.utf8) }
    }

    /// Lets a process end that was killed while a cgroup above this one is frozen on v1: in the caller's own cgroup it is
    /// thawed, and the signal is the first that it meets.
    package func release(killed pid: Int32) throws(CgroupFailure) {
        guard var directory = location.directory(of: "freezer"), !directory.isUnified else { return }
        let own = try directories(ofProcess: getpid())
        guard let path = own.first(where: { $0.controllers.contains("freezer") })?.path else { return }
        directory.path = path
        directory.inode = nil
        try move(pid, to: directory)
    }

    /// Kills all processes, and lets them end where a cgroup above this one is frozen on v1.
    package func killBelowFrozen() throws(CgroupFailure) {
        let pids = try processes()
        guard let pid = pids.first, keepsFromEnding(pid) else { return }
        try killAll()
        for pid in try processes() {
            do throws(CgroupFailure) { try release(killed: pid) } catch {
                guard error.code == .noSuchProcess else { throw error }
            }
        }
    }

    private static let legacyFile = "/freezer.self_freezing"

    private static func freezerFiles(of directories: [CgroupDirectory]) -> [String] {
        var found: [String] = []
        for directory in directories where directory.isUnified || directory.controllers.contains("freezer") {
            let file = directory.isUnified ? "/cgroup.freeze" : legacyFile
            var path = directory.path.utf8[...]
            // The hierarchy's root cannot be frozen.
            while let slash = path.lastIndex(of: UInt8(ascii: "/")), path.count > 1 {
                found.append(directory.mount + String(decoding: path, as: UTF8.self) + file)
                path = path[..<slash]
            }
        }
        return found
    }

    private static func isFrozen(_ file: String) -> Bool {
        do throws(Errno) { return try readText(file).utf8.first == UInt8(ascii: "1") } catch { return false }
    }
}

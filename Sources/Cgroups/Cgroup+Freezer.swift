// Stopping all processes of the cgroup, and letting them go on.

internal import CLinux
internal import Glibc
internal import Kernel
internal import SystemPackage

extension Cgroup {
    /// Freezes the cgroup and waits until every process stands still.
    /// - Throws: when the kernel does not get there in time; the cgroup is thawed again then.
    package func freeze() throws(CgroupFailure) {
        guard let directory = location.directory(of: "freezer") else { throw noFreezer }
        do throws(Errno) {
            let own = try open(directory)
            if directory.isUnified { try freezeUnified(own) } else { try freezeLegacy(own) }
        } catch {
            try? thaw()
            throw CgroupFailure("freeze cgroup \(directory.fullPath)", error)
        }
    }

    /// Lets the processes go on.
    package func thaw() throws(CgroupFailure) {
        guard let directory = location.directory(of: "freezer") else { throw noFreezer }
        do throws(Errno) {
            let own = try open(directory)
            if directory.isUnified {
                try writeFile("cgroup.freeze", "0", at: own.rawValue)
                return
            }
            try writeFile("freezer.state", "THAWED", at: own.rawValue)
        } catch {
            throw CgroupFailure("thaw cgroup \(directory.fullPath)", error)
        }
    }

    /// Lets the processes go on that the container itself has frozen, in cgroups below its own: frozen ones of cgroup v1
    /// do not die. Those below that are other containers' stay as they are.
    package func thawBelow() {
        guard location.hierarchy != .unified, let directory = location.directory(of: "freezer"), !directory.isUnified
        else { return }
        do throws(Errno) {
            // By its whole path, in one call: nearly always there is none, and one of another's is told apart below.
            if try fileStatus(at: directory.fullPath).links == 2 { return }
            let own = try open(directory)
            let prefix = processDirectory.map { $0.fullPath.count } ?? 0
            try thawBelow(own, "", sparing: Set(othersDirectories().map { $0.dropFirst(prefix) }))
        } catch {}
    }

    private func thawBelow(
        _ directory: borrowing OwnedDescriptor, _ path: String, sparing others: Set<Substring>
    ) throws(Errno) {
        for entry in try subdirectories(of: directory) where !others.contains("\(path)/\(entry.name)"[...]) {
            do throws(Errno) {
                let child = try OwnedDescriptor.open(entry.bytes, .directory | .noFollow, at: directory.rawValue)
                if try readText("freezer.self_freezing", at: child.rawValue).first == "1" {
                    try writeFile("freezer.state", "THAWED", at: child.rawValue)
                }
                try thawBelow(child, "\(path)/\(entry.name)", sparing: others)
            } catch {
                // Removed meanwhile.
                continue
            }
        }
    }

    /// Whether this cgroup itself was frozen, and not only one above it; a cgroup that is gone is not.
    package func isFrozen() throws(CgroupFailure) -> Bool { try isFrozen(in: location.directories) }

    /// The same, looking only at some of the directories.
    func isFrozen(in directories: [CgroupDirectory]) throws(CgroupFailure) -> Bool {
        let freezer = directories.first {
            $0.controllers.contains("freezer") || (location.hierarchy == .unified && $0.isUnified)
        }
        guard let freezer else { return false }
        do throws(Errno) {
            // By its whole path, in one call: what is read is a digit, and believed of no other cgroup.
            let file = freezer.isUnified ? "cgroup.freeze" : "freezer.self_freezing"
            guard try readText(freezer.fullPath + "/" + file).first == "1" else { return false }
            return try freezer.isStillThere()
        } catch Errno.noSuchFileOrDirectory {
            return false
        } catch Errno.operationNotSupportedByDevice {
            return false
        } catch {
            throw CgroupFailure("read the freezer state of cgroup \(freezer.fullPath)", error)
        }
    }

    private var noFreezer: CgroupFailure {
        CgroupFailure(.unavailable, "freeze the container: it has no cgroup with a freezer")
    }

    /// The v1 freezer may stick at FREEZING while processes are forking; thawing for a moment lets these finish.
    private func freezeLegacy(_ own: borrowing OwnedDescriptor) throws(Errno) {
        for attempt in 1...1_000 {
            if attempt % 50 == 0 {
                try writeFile("freezer.state", "THAWED", at: own.rawValue)
                pause(microseconds: 10_000)
            }
            try writeFile("freezer.state", "FROZEN", at: own.rawValue)
            if attempt % 25 == 24 { pause(microseconds: 10) }
            switch try readValue("freezer.state", at: own) {
            case "FROZEN": return
            case "FREEZING": pause(microseconds: 10)
            default: throw .invalidArgument
            }
        }
        throw .resourceBusy
    }

    private func freezeUnified(_ own: borrowing OwnedDescriptor) throws(Errno) {
        // Opened before the write, so that no change of it can be missed.
        let events = try OwnedDescriptor.open("cgroup.events", .readOnly, at: own.rawValue)
        try writeFile("cgroup.freeze", "1", at: own.rawValue)
        var remaining: Int32 = 2_000
        while true {
            let number = events.rawValue
            try checked { Glibc.lseek(number, 0, SEEK_SET) }
            let text = String(decoding: try readAll(number), as: UTF8.self)
            if text.split(separator: "\n").contains("frozen 1") { return }
            guard remaining > 0 else { throw .timedOut }
            var change = pollfd(fd: number, events: Int16(POLLPRI), revents: 0)
            try checked { Glibc.poll(&change, 1, 100) }
            remaining -= 100
        }
    }
}

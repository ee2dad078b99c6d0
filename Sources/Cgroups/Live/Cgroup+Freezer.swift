// Freezes and thaws all processes of the cgroup.

internal import CLinux
internal import Glibc
internal import Kernel

extension Cgroup {
    /// Freezes the cgroup and waits until every process has stopped.
    /// - Throws: if the kernel does not finish in time; the cgroup is thawed again.
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

    /// Thaws the cgroup.
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

    /// Thaws the sub-cgroups that the container itself has frozen: frozen processes of cgroup v1 do not die.
    /// Sub-cgroups that belong to other containers stay as they are.
    package func thawBelow() {
        guard location.hierarchy != .unified, let directory = location.directory(of: "freezer"), !directory.isUnified
        else { return }
        do throws(Errno) {
            // One call by the whole path suffices in the usual case, without sub-cgroups. Other containers' are
            // filtered below.
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
                let child = try OwnedDescriptor.open(entry.name, .directory | .noFollow, at: directory.rawValue)
                if try readText("freezer.self_freezing", at: child.rawValue).first == "1" {
                    try writeFile("freezer.state", "THAWED", at: child.rawValue)
                }
                try thawBelow(child, "\(path)/\(entry.name)", sparing: others)
            } catch {
                // Another process removed it meanwhile.
                continue
            }
        }
    }

    /// Whether this cgroup itself was frozen, not only an ancestor; false if the cgroup no longer exists.
    package func isFrozen() throws(CgroupFailure) -> Bool { try isFrozen(in: location.directories) }

    /// The same for some of the directories.
    func isFrozen(in directories: [CgroupDirectory]) throws(CgroupFailure) -> Bool {
        guard let freezer = freezer(in: directories) else { return false }
        do throws(Errno) {
            // One call by the whole path: the file contains one digit, and isStillThere() rules out another
            // container's cgroup.
            guard try readText(Self.stateFile(of: freezer)).first == "1" else { return false }
            return try freezer.isStillThere()
        } catch Errno.noSuchFileOrDirectory {
            return false
        } catch Errno.noSuchDevice {
            return false
        } catch {
            throw CgroupFailure("read the freezer state of cgroup \(freezer.fullPath)", error)
        }
    }

    private func freezer(in directories: [CgroupDirectory]) -> CgroupDirectory? {
        directories.first {
            $0.controllers.contains("freezer") || (location.hierarchy == .unified && $0.isUnified)
        }
    }

    private static func stateFile(of directory: CgroupDirectory) -> String {
        directory.fullPath + (directory.isUnified ? "/cgroup.freeze" : "/freezer.self_freezing")
    }

    private var noFreezer: CgroupFailure {
        CgroupFailure(.unavailable, "freeze the container: it has no cgroup with a freezer")
    }

    /// The v1 freezer can stay in FREEZING while processes fork; thawing it briefly lets these finish.
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
        // Opened before the write, so that no change is missed.
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

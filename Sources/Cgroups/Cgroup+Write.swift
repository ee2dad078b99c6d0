// Writing limits into open directories.

internal import Glibc
internal import Kernel
internal import SystemPackage

extension Cgroup {
    /// The position of the directory that a controller's files are in.
    func index(of controller: String) -> Int? {
        if let own = location.directories.firstIndex(where: { $0.controllers.contains(controller) }) { return own }
        return location.hierarchy == .unified && !location.directories.isEmpty ? 0 : nil
    }

    /// Writes the limits in their order.
    /// - Parameter made: the directories that are new: the real-time budget of those above has to be set first.
    func write(
        _ writes: [CgroupWrite], _ open: borrowing OpenCgroup, raisingParents made: MadeDirectories? = nil
    ) throws(CgroupFailure) {
        var deferred: [CgroupWrite] = []
        for (position, write) in writes.enumerated() {
            if let made, write.file.hasPrefix("cpu.rt_") { raiseRealtime(write, made) }
            do throws(Errno) {
                try perform(write, open)
            } catch {
                guard write.isDeferrable, error == .invalidArgument else { throw failure(write, error) }
                deferred.append(write)
            }
            if write.isReadBack { try checkReadBack(write, open) }
            let isLast = position + 1 == writes.count || writes[position + 1].controller != write.controller
            guard isLast else { continue }
            for write in deferred {
                do throws(Errno) { try perform(write, open) } catch { throw failure(write, error) }
            }
            deferred = []
        }
    }

    /// Writes one value, by the first of its names that the kernel knows.
    private func perform(_ write: CgroupWrite, _ open: borrowing OpenCgroup) throws(Errno) {
        guard let index = index(of: write.controller) else {
            if write.absence == .ignored { return }
            throw .noSuchFileOrDirectory
        }
        let directory = open.descriptors[index]
        var names = [CgroupWrite.Alternative(file: write.file, value: write.value)]
        if case .instead(let others) = write.absence { names += others }
        for (position, name) in names.enumerated() {
            do throws(Errno) {
                try writeFile(name.file, name.value, at: directory)
                return
            } catch Errno.noSuchFileOrDirectory {
                if position + 1 < names.count { continue }
                if write.absence == .ignored { return }
                throw .noSuchFileOrDirectory
            } catch {
                if write.tolerated.contains(error) { return }
                throw error
            }
        }
    }

    /// The sentence for a write that the kernel refused.
    func failure(_ write: CgroupWrite, _ code: Errno) -> CgroupFailure {
        let directory = index(of: write.controller).map { location.directories[$0].fullPath } ?? "the cgroup"
        let what = "\(write.key): write \"\(write.value)\" to \(directory)/\(write.file)"
        // On v2 a missing file is a missing controller; opening what is not there says so, or that it may not be made.
        if code == .resourceBusy, write.file == "memory.limit_in_bytes", let use = memoryUse(),
            let current = use.current
        {
            return CgroupFailure(
                .refused, "\(what): \(code.word) (in use: \(current) bytes, at most so far: \(use.peak ?? current))",
                code: code)
        }
        let isMissing = code == .noSuchFileOrDirectory || (code == .permissionDenied && !fileExists(write))
        guard isMissing else { return CgroupFailure(what, code) }
        return CgroupFailure(
            .unavailable,
            "\(what): \(code.word) (the controller \(write.controller) or this file is not available here)",
            code: code)
    }

    private func fileExists(_ write: CgroupWrite) -> Bool {
        guard let index = index(of: write.controller) else { return false }
        return Glibc.access("\(location.directories[index].fullPath)/\(write.file)", F_OK) == 0
    }

    /// A new directory has no real-time budget, and a child can have no more than its parent.
    private func raiseRealtime(_ write: CgroupWrite, _ made: MadeDirectories) {
        guard let index = index(of: write.controller) else { return }
        let directory = location.directories[index]
        var above: [String] = []
        var path = CgroupPath.parent(of: directory.path)
        while path != "/" {
            if made.contains(directory.mount + path) { above.append(directory.mount + path) }
            path = CgroupPath.parent(of: path)
        }
        // A refusal shows when the container's own directory is written.
        for path in above.reversed() { try? writeFile("\(path)/\(write.file)", write.value) }
    }

    /// Finds a value that the kernel put in the place of ours.
    private func checkReadBack(_ write: CgroupWrite, _ open: borrowing OpenCgroup) throws(CgroupFailure) {
        guard let index = index(of: write.controller),
            let found = (try? readText(write.file, at: open.descriptors[index])).map(trimmed), found != write.value
        else { return }
        throw CgroupFailure(
            .refused,
            "\(write.key): write \"\(write.value)\" to \(location.directories[index].fullPath)/\(write.file): "
                + "the kernel made it \(found)")
    }
}

// Writes limits into open directories.

internal import CLinux
internal import Glibc
internal import Kernel

extension Cgroup {
    /// The index of the directory that contains a controller's files.
    func index(of controller: String) -> Int? {
        if let own = location.directories.firstIndex(where: { $0.controllers.contains(controller) }) { return own }
        return location.hierarchy == .unified && !location.directories.isEmpty ? 0 : nil
    }

    /// Writes the limits in their order.
    /// - Parameter made: the new directories: the real-time budget of the ancestors must be set first.
    func write(
        _ writes: [CgroupWrite], _ open: borrowing OpenCgroup, raisingParents made: MadeDirectories? = nil
    ) throws(CgroupFailure) {
        var deferred: [CgroupWrite] = []
        for (position, write) in writes.enumerated() {
            if let made, write.file.hasPrefix("cpu.rt_") { raiseRealtime(write, made) }
            do throws(RefusedWrite) {
                try perform(write, open)
            } catch {
                guard write.isDeferrable, error.code == .invalidArgument else { throw failure(write, error) }
                deferred.append(write)
            }
            if write.isReadBack { try checkReadBack(write, open) }
            let isLast = position + 1 == writes.count || writes[position + 1].controller != write.controller
            guard isLast else { continue }
            for write in deferred {
                do throws(RefusedWrite) { try perform(write, open) } catch { throw failure(write, error) }
            }
            deferred = []
        }
    }

    /// A write that the kernel refused, with the file name that was tried last.
    private struct RefusedWrite: Error {
        var name: CgroupWrite.Alternative
        var code: Errno
    }

    /// Writes one value, to the first of its files that exists; for a weight of a disk, to the file of the disk's
    /// scheduler.
    private func perform(_ write: CgroupWrite, _ open: borrowing OpenCgroup) throws(RefusedWrite) {
        var names = [CgroupWrite.Alternative(file: write.file, value: write.value)]
        guard let index = index(of: write.controller) else {
            if write.absence == .ignored { return }
            throw RefusedWrite(name: names[0], code: .noSuchFileOrDirectory)
        }
        let directory = open.descriptors[index]
        if case .instead(let others) = write.absence { names += others }
        for (position, name) in names.enumerated() {
            do throws(Errno) {
                try writeFile(name.file, name.value, at: directory)
                return
            } catch {
                let isUnknown = error == .noSuchFileOrDirectory || error == .notSupportedOnSocket
                if isUnknown, position + 1 < names.count { continue }
                if error == .noSuchFileOrDirectory, write.absence == .ignored { return }
                if write.tolerated.contains(error) { return }
                throw RefusedWrite(name: name, code: error)
            }
        }
    }

    /// The message for a write that the kernel refused.
    private func failure(_ write: CgroupWrite, _ refused: RefusedWrite) -> CgroupFailure {
        let code = refused.code
        let directory = index(of: write.controller).map { location.directories[$0].fullPath } ?? "the cgroup"
        let what = "\(write.key): write \"\(refused.name.value)\" to \(directory)/\(refused.name.file)"
        if code == .resourceBusy, write.file == "memory.limit_in_bytes", let use = memoryUse(),
            let current = use.current
        {
            return CgroupFailure(
                .refused, "\(what): \(code.message) (in use: \(current) bytes, at most so far: \(use.peak ?? current))",
                code: code)
        }
        if code == .invalidArgument, write.file == "cpu.weight" || write.file == "cpu.shares",
            let idle = try? readText("\(directory)/cpu.idle"), trimmed(idle) == "1"
        {
            return CgroupFailure(
                .refused, "\(what): \(code.message) (the cgroup has cpu.idle 1, and no shares until that is 0)",
                code: code
            )
        }
        if code == .invalidArgument {
            return CgroupFailure(
                .refused, "\(what): \(code.message)\(ValueHint.text(refused.name.file))", code: code)
        }
        // On v2 a missing file means a missing controller. Opening it fails with ENOENT, or because it may not be
        // created.
        let isMissing =
            code == .noSuchFileOrDirectory
            || (code == .permissionDenied && clinux_access("\(directory)/\(refused.name.file)", F_OK) != 0)
        guard isMissing else { return CgroupFailure(what, code) }
        return CgroupFailure(
            .unavailable,
            "\(what): \(code.message) (the controller \(write.controller) or this file is not available here)",
            code: code)
    }

    /// A new directory has no real-time budget, and a child cannot have more than its parent.
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

    /// Detects a value that the kernel changed.
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

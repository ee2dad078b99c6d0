// Finds for `--dry-run` the faults of the rootfs, the sources and the program that would keep a container from starting. Files
// that cannot be read, and failures that only the start can show, are left out.

internal import Kernel
internal import OCISpec
internal import Planning

struct RootfsReview {
    let plan: ContainerPlan

    /// A line for each problem, under its key.
    func problems() -> [String] {
        // A FUSE file system may never answer. No name has a zero byte in it.
        let text = answer(withinMilliseconds: 10_000) { found().joined(separator: "\0") }
        return (text ?? "").split(at: "\0", omittingEmptySubsequences: true).map { String($0) }
    }

    private func found() -> [String] {
        do throws(Errno) {
            guard try fileStatus(at: plan.root.path).isDirectory else { throw .notDirectory }
            let root = RootDirectory(try OwnedDescriptor.open(plan.root.path, .path | .directory))
            return mountProblems(root) + processProblems(root)
        } catch {
            return isUnknown(error) ? [] : ["root.path: open rootfs \(plan.root.path): \(error.message)"]
        }
    }

    // The user who runs the container may be able to see more than the user who asks.
    private func isUnknown(_ error: Errno) -> Bool { error == .permissionDenied || error == .notPermitted }

    private func status(_ path: String, _ root: borrowing RootDirectory) throws(Errno) -> FileStatus {
        let place = try root.open(path)
        return try fileStatus(place.rawValue)
    }

    // MARK: mounts

    private func mountProblems(_ root: borrowing RootDirectory) -> [String] {
        guard plan.namespaces.has(.mount) || plan.mountsOnHost else { return [] }
        var problems: [String] = []
        for (index, mount) in plan.mounts.enumerated() {
            // Below an earlier mount the files are not the rootfs's.
            let isCovered = plan.mounts[..<index].contains {
                $0.destination.isSame(as: mount.destination) || mount.destination.path(below: $0.destination) != nil
            }
            if let text = problem(mount, root, isCovered: isCovered) { problems.append("\(mount.key): \(text)") }
        }
        return problems
    }

    private func problem(_ mount: MountStep, _ root: borrowing RootDirectory, isCovered: Bool) -> String? {
        var needsDirectory = true
        switch mount.object {
        case .remount: return nil
        case .bind(let source, _):
            do throws(Errno) {
                needsDirectory = try fileStatus(at: source, followLinks: mount.followsSource).isDirectory
            } catch {
                return isUnknown(error) ? nil : "bind \(source): \(error.message)"
            }
        default: break
        }
        guard !isCovered, mount.followsDestination, !mount.copiesLink else { return nil }
        do throws(Errno) {
            let place = try status(mount.destination, root)
            if place.isDirectory == needsDirectory { return nil }
            let kind = place.otherKind.map { "\($0)" } ?? "a directory"
            return "\(mount.destination) is \(kind) in the rootfs, and what is mounted there is "
                + (needsDirectory ? "a directory" : "none")
        } catch {
            switch error {
            case .noSuchFileOrDirectory where isUnwritable(root):
                return "\(mount.destination) is not in the rootfs, and cannot be made there: read-only file system"
            case .notDirectory: return "\(mount.destination): \(error.message)"
            default: return nil
            }
        }
    }

    private func isUnwritable(_ root: borrowing RootDirectory) -> Bool {
        let readOnly: Int64 = 1  // ST_RDONLY
        do throws(Errno) { return try filesystem(of: root.descriptor.rawValue).flags & readOnly != 0 } catch {
            return false
        }
    }

    // MARK: program

    private func processProblems(_ root: borrowing RootDirectory) -> [String] {
        guard !isChangedBeforeStart else { return [] }
        var problems: [String] = []
        let directory = plan.process.workingDirectory
        if let place = try? status(directory, root), let kind = place.otherKind {
            problems.append("process.cwd: \(directory) is \(kind) in the rootfs")
        }
        if let text = programProblem(root) { problems.append("process.args: \(text)") }
        return problems
    }

    // Mounts with programs and libraries in them, and hooks, can bring what the rootfs lacks.
    private var isChangedBeforeStart: Bool {
        let hooks = plan.hooks
        if !(hooks.prestart.isEmpty && hooks.createRuntime.isEmpty && hooks.createContainer.isEmpty) { return true }
        let places = ["usr", "bin", "sbin", "lib", "lib32", "lib64", "libx32", "opt", "nix"]
        let named = (plan.process.candidates + [plan.process.workingDirectory]).map(firstName)
        return plan.mounts.contains { mount in
            let name = firstName(mount.destination)
            return name.isEmpty || (places + named).contains { $0.isSame(as: name) }
        }
    }

    private func firstName(_ path: String) -> String {
        path.split(at: "/", omittingEmptySubsequences: true).first.map { String($0) } ?? ""
    }

    private func programProblem(_ root: borrowing RootDirectory) -> String? {
        let diagnosis = ExecFailureDiagnosis(pid: 0, process: plan.process)
        var refused: String?
        for candidate in plan.process.candidates {
            let path = diagnosis.absolute(candidate)
            do throws(Errno) {
                let file = try status(path, root)
                guard file.isRegular, file.mode & 0o111 != 0 else {
                    let mode = String(file.mode & 0o7777, radix: 8)
                    let kind = file.isRegular ? "no executable file: its mode is 0\(mode)" : "no file"
                    if refused == nil { refused = "\(path) is \(kind)" }
                    continue
                }
                return diagnosis.obstacle(path, in: root).map { "\(path): \($0)" }
            } catch {
                guard error == .noSuchFileOrDirectory || error == .notDirectory else { return nil }
            }
        }
        return refused ?? "\(plan.process.arguments.first ?? "") is not in the rootfs"
    }
}

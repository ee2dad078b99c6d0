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
        let host = HostReview(plan: plan)
        // In another mount namespace the paths may lead elsewhere.
        if plan.namespaces.joinedPath(.mount) != nil { return host.namespaceProblems() }
        do throws(Errno) {
            guard try fileStatus(at: plan.root.path).isDirectory else { throw .notDirectory }
            let root = RootDirectory(try OwnedDescriptor.open(plan.root.path, .path | .directory))
            var walk = RootfsWalk(root)
            let mounts = mountProblems(&walk, host)
            return host.namespaceProblems() + mounts + host.hookProblems(walk) + processProblems(walk)
                + host.listenerProblems()
        } catch {
            let ofRoot = isUnknown(error) ? [] : ["root.path: open rootfs \(plan.root.path): \(error.message)"]
            return host.namespaceProblems() + ofRoot
        }
    }

    // MARK: mounts

    /// - Parameter walk: is told of the mounts.
    private func mountProblems(_ walk: inout RootfsWalk, _ host: HostReview) -> [String] {
        guard plan.namespaces.has(.mount) || plan.mountsOnHost else { return [] }
        var problems: [String] = []
        for mount in plan.mounts {
            if let text = host.problem(mount) ?? destinationProblem(mount, walk) {
                problems.append("\(mount.key): \(text)")
            }
            walk.cover(mount)
        }
        return problems
    }

    private func destinationProblem(_ mount: MountStep, _ walk: borrowing RootfsWalk) -> String? {
        guard mount.followsDestination, !mount.copiesLink else { return nil }
        var needsDirectory = true
        switch mount.object {
        case .remount: return nil
        case .bind(let source, _):
            do throws(Errno) {
                needsDirectory = try fileStatus(at: source, followLinks: mount.followsSource).isDirectory
            } catch {
                return nil
            }
        default: break
        }
        switch walk.arrive(at: mount.destination) {
        case .found(let place, _):
            if place.isDirectory == needsDirectory { return nil }
            let kind = place.otherKind.map { "\($0)" } ?? "a directory"
            return "\(mount.destination) is \(kind) in the rootfs, and what is mounted there is "
                + (needsDirectory ? "a directory" : "none")
        case .missing: return isUnwritable(walk) ? missing(mount.destination) : nil
        case .failed(let code): return "\(mount.destination): \(code.message)"
        case .covered, .unknown, .denied: return nil
        }
    }

    private func missing(_ path: String) -> String {
        "\(path) is not in the rootfs, and cannot be made there: read-only file system"
    }

    private func isUnwritable(_ walk: borrowing RootfsWalk) -> Bool {
        let readOnly: Int64 = 1  // ST_RDONLY
        do throws(Errno) { return try filesystem(of: walk.root.descriptor.rawValue).flags & readOnly != 0 } catch {
            return false
        }
    }

    // MARK: program

    private func processProblems(_ walk: borrowing RootfsWalk) -> [String] {
        guard !plan.hooks.runBeforeProgram else { return [] }
        let directory = plan.process.workingDirectory
        switch walk.arrive(at: directory) {
        case .found(let place, _):
            if let kind = place.otherKind { return ["process.cwd: \(directory) is \(kind) in the rootfs"] }
        case .missing: if isUnwritable(walk) { return ["process.cwd: \(missing(directory))"] }
        case .failed(let code): return ["process.cwd: \(directory): \(code.message)"]
        case .covered, .unknown, .denied: break
        }
        return programProblem(walk).map { ["process.args: \($0)"] } ?? []
    }

    private func programProblem(_ walk: borrowing RootfsWalk) -> String? {
        let review = ExecutableReview(user: FileUser(plan), directory: plan.process.workingDirectory)
        let isSearch = !(plan.process.arguments.first ?? "").utf8.contains(UInt8(ascii: "/"))
        var refused: String?
        for candidate in plan.process.candidates {
            switch review.find(candidate, in: walk) {
            case .unknown: return nil
            case .missing: continue
            // A search passes by what cannot be reached.
            case .failed(let code): if !isSearch { return "\(candidate): \(code.message)" }
            case .refused(let why): refused = refused ?? "\(candidate) \(why)"
            case .executable(let place):
                // A startContainer hook may bring what the program needs.
                guard plan.hooks.startContainer.isEmpty else { return nil }
                return review.obstacle(candidate, at: place, in: walk).map { "\(candidate): \($0)" }
            }
        }
        if let refused { return refused }
        let program = plan.process.arguments.first ?? ""
        guard isSearch else { return "\(program) is not in the rootfs" }
        let places = plan.process.candidates.map { $0.dropLast(program.count + 1) }.joined(separator: ":")
        return "\(program) is in no directory of PATH in the rootfs: \(places)"
    }
}

// The user who runs the container may be able to see more than the user who asks.
func isUnknown(_ error: Errno) -> Bool { error == .permissionDenied || error == .notPermitted }

extension Hooks {
    /// Whether a hook may change the rootfs before the program is looked up in it.
    var runBeforeProgram: Bool { !(prestart.isEmpty && createRuntime.isEmpty && createContainer.isEmpty) }
}

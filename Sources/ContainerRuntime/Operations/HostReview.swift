// Finds for `--dry-run` what a plan needs of the host, and the host does not have.

internal import Kernel
internal import OCISpec
internal import Planning

struct HostReview {
    let plan: ContainerPlan

    // MARK: namespaces

    func namespaceProblems() -> [String] {
        var problems: [String] = []
        for namespace in plan.namespaces.joined {
            do throws(Failure) { _ = try namespace.open() } catch {
                if case .system(let code) = error.kind, isUnknown(code) { continue }
                problems.append(error.message)
            }
        }
        return problems
    }

    // MARK: mounts

    /// The problem of what is mounted.
    func problem(_ mount: MountStep) -> String? {
        switch mount.object {
        case .bind(let source, _): return sourceProblem(mount, source)
        case .filesystem(let type, _, let parameters):
            if !isKnown(type) { return "filesystem type \"\(type)\": this kernel has no filesystem of that name" }
            return type == "overlay" ? layerProblem(parameters) : nil
        case .remount, .legacyCgroup, .unifiedCgroup: return nil
        }
    }

    private func sourceProblem(_ mount: MountStep, _ source: String) -> String? {
        // The start makes its source.
        if mount.isNotify { return nil }
        do throws(Errno) {
            // A link that is copied may lead anywhere.
            _ = try fileStatus(at: source, followLinks: mount.followsSource && !mount.copiesLink)
            return nil
        } catch {
            return isUnknown(error) ? nil : "bind \(source): \(error.message)"
        }
    }

    // A module may bring it, as far as the kernel takes modules.
    private func isKnown(_ type: String) -> Bool {
        if ["proc", "sysfs", "tmpfs", "devpts", "mqueue", "cgroup", "cgroup2"].contains(type) { return true }
        do throws(Errno) {
            // Without the part that only a FUSE server reads. fuse(4)
            let name = type.split(at: ".").first.map { String($0) } ?? ""
            if try readText("/proc/filesystems").split(at: "\n").contains(where: { $0.hasSuffix("\t" + name) }) {
                return true
            }
            _ = try fileStatus(at: "/proc/modules")
            return true
        } catch {
            return error != .noSuchFileOrDirectory
        }
    }

    private func layerProblem(_ parameters: [MountStep.Parameter]) -> String? {
        for parameter in parameters {
            guard let value = parameter.value else { continue }
            let names = ["lowerdir", "lowerdir+", "datadir+", "upperdir", "workdir"]
            guard names.contains(parameter.name) else { continue }
            let layers = parameter.name == "lowerdir" ? overlayLayers(value).compactMap { $0.value } : [value]
            // What lies in the rootfs may be an earlier mount's.
            for layer in layers where layer.isAbsolutePath && layer.path(below: plan.root.path) == nil {
                do throws(Errno) {
                    guard try fileStatus(at: layer).isDirectory else { throw .notDirectory }
                } catch {
                    if !isUnknown(error) { return "\(parameter.name) \(layer): \(error.message)" }
                }
            }
        }
        return nil
    }

    // MARK: hooks

    /// Of the hook that runs first: it may bring the programs of the others.
    func hookProblems(_ walk: borrowing RootfsWalk) -> [String] {
        for (kind, hooks) in plan.hooks.kinds where kind != "poststop" {
            guard let hook = hooks.first else { continue }
            let key = "hooks.\(kind)[0].path: \(hook.path)"
            if kind == "startContainer" { return hookProblem(hook, key, walk, FileUser(plan)) }
            do throws(Errno) {
                let host = RootfsWalk(RootDirectory(try OwnedDescriptor.open("/", .path | .directory)))
                return hookProblem(hook, key, host, nil)
            } catch {
                return []
            }
        }
        return []
    }

    private func hookProblem(
        _ hook: Hook, _ key: String, _ walk: borrowing RootfsWalk, _ user: FileUser?
    ) -> [String] {
        let review = ExecutableReview(user: user, directory: plan.process.workingDirectory)
        switch review.find(hook.path, in: walk) {
        case .unknown: return []
        case .missing: return ["\(key): \(Errno.noSuchFileOrDirectory.message)"]
        case .failed(let code): return ["\(key): \(code.message)"]
        case .refused(let why): return ["\(key) \(why)"]
        case .executable(let place):
            return review.obstacle(hook.path, at: place, in: walk).map { ["\(key): \($0)"] } ?? []
        }
    }

    // MARK: seccomp

    func listenerProblems() -> [String] {
        guard let seccomp = plan.seccomp, seccomp.notifies, let path = seccomp.listenerPath,
            !plan.hooks.runBeforeProgram
        else { return [] }
        do throws(Errno) {
            guard try fileStatus(at: path).isSocket else { return ["linux.seccomp.listenerPath: \(path) is no socket"] }
            return []
        } catch {
            return isUnknown(error) ? [] : ["linux.seccomp.listenerPath: \(path): \(error.message)"]
        }
    }
}

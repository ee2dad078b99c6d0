// Compares the restored processes with the config: the config limits the processes, although an image can contain any
// code.

internal import Cgroups
internal import CLinux
internal import Glibc
internal import Kernel
internal import Planning
internal import SystemPackage

/// The processes of a container that stand still, restored and not yet let go.
struct RestoredProcesses {
    let plan: ContainerPlan
    let pid: Int32
    let group: Cgroup
    let hasFilter: Bool

    /// The kinds of namespaces in which the init differs from the runtime.
    /// - Throws: they are not those of the config.
    func checkNamespaces() throws(Failure) -> NamespaceSet {
        var found: NamespaceSet = []
        for kind in NamespaceKind.allCases {
            let (inside, outside) = (try identity(kind, of: "\(pid)"), try identity(kind, of: "self"))
            guard let inside, let outside else { continue }
            if inside != outside { found.insert(NamespaceSet(kind)) }
        }
        for kind in NamespaceKind.allCases where plan.namespaces.has(kind) != found.contains(kind) {
            // CRIU restores into a time namespace in any case: clocks must not go back.
            if kind == .time { continue }
            // One that is joined may be the runtime's own.
            if plan.namespaces.has(kind), !plan.namespaces.creates(kind) { continue }
            let sentence =
                plan.namespaces.has(kind)
                ? "linux.namespaces has one of the kind \(kind.rawValue), and the restored process is in the host's"
                : "the restored process is in a \(kind.rawValue) namespace of its own, which linux.namespaces does not have"
            throw differs(kind == .cgroup ? sentence + " (--manage-cgroups-mode ignore keeps it)" : sentence)
        }
        for namespace in plan.namespaces.joined where namespace.kind != .cgroup {
            let wanted = try during("\(namespace.key): look at \(namespace.path)") { () throws(Errno) in
                FileIdentity(try fileStatus(at: namespace.path))
            }
            guard try identity(namespace.kind, of: "\(pid)") == wanted else {
                throw differs("\(namespace.key): the restored process is not in \(namespace.path)")
            }
        }
        return found
    }

    private func identity(_ kind: NamespaceKind, of process: String) throws(Failure) -> FileIdentity? {
        let path = "/proc/\(process)/ns/\(kind.linkName)"
        do throws(Errno) {
            return FileIdentity(try fileStatus(at: path))
        } catch {
            // A kernel without that kind.
            if error == .noSuchFileOrDirectory, kind == .time { return nil }
            throw Failure("look at \(path)", error)
        }
    }

    /// Holds every process against what the config grants.
    func checkCredentials() throws(Failure) {
        for process in try processes() {
            let path = "/proc/\(process)/status"
            let text: String
            do throws(Errno) { text = try readText(path) } catch {
                throw Failure("read \(path)", error)
            }
            let status = ProcessStatus(text)
            if let difference = plan.process.difference(
                from: status, hasFilter: hasFilter, isInit: process == pid, plan.namespaces)
            {
                throw differs("process \(status.insideNumber ?? process): \(difference)")
            }
        }
    }

    /// Stops every process as soon as no other tracer holds it.
    func stop() {
        do throws(Failure) {
            for other in try processes() { clinux_kill(other, SIGSTOP) }
        } catch {
            clinux_kill(pid, SIGSTOP)
        }
    }

    // The processes in the init's pid namespace or, without one, the init's descendants. CRIU's own processes are
    // neither.
    private func processes() throws(Failure) -> [Int32] {
        let inits = try identity(.pid, of: "\(pid)")
        let pids = try cgroup { () throws(CgroupFailure) in try group.processes() }
        guard plan.namespaces.has(.pid) else { return [pid] }
        var result: [Int32] = [pid]
        for other in pids where other != pid {
            guard let found = try? identity(.pid, of: "\(other)"), found == inits else { continue }
            result.append(other)
        }
        return result
    }

    private func differs(_ sentence: String) -> Failure {
        Failure(
            .invalid,
            "the image differs from config.json: \(sentence); --allow-differing-image restores it all the same")
    }
}

extension ProcessStatus {
    /// - Parameter text: the content of /proc/PID/status. proc_pid_status(5).
    init(_ text: String) {
        self.init()
        for line in text.split(separator: "\n") {
            guard let colon = line.utf8.firstIndex(of: UInt8(ascii: ":")) else { continue }
            let value = line[line.utf8.index(after: colon)...]
            let words = value.split(whereSeparator: { $0 == "\t" || $0 == " " })
            func set() -> CapabilitySet { CapabilitySet(rawValue: words.first.flatMap { UInt64($0, radix: 16) } ?? ~0) }
            switch line[..<colon] {
            case "CapInh": inheritable = set()
            case "CapPrm": permitted = set()
            case "CapEff": effective = set()
            case "CapBnd": bounding = set()
            case "CapAmb": ambient = set()
            case "NoNewPrivs": hasNoNewPrivileges = words.first == "1"
            case "Seccomp": isFiltered = words.first == "2"
            case "Uid": uids = words.compactMap { UInt32($0) }
            case "Gid": gids = words.compactMap { UInt32($0) }
            case "NSpid": insideNumber = words.last.flatMap { Int32($0) }
            default: break
            }
        }
    }
}

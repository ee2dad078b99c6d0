// Gathers what has to be known of a running container before it is checkpointed.

internal import Cgroups
internal import Criu
internal import CLinux
internal import Glibc
internal import Kernel
internal import OCISpec
internal import Planning

struct CheckpointProbe {
    let plan: ContainerPlan
    let record: ContainerRecord

    private var proc: String { "/proc/\(record.pid)" }

    func facts(_ version: CriuVersion) throws(Failure) -> CheckpointFacts {
        var facts = CheckpointFacts(pid: record.pid, version: version)
        facts.freezer = record.cgroup.directory(of: "freezer")?.fullPath
        try during("look at the namespaces of process \(record.pid)") { () throws(Errno) in
            facts.networkNamespace = try fileStatus(at: proc + "/ns/net").inode
            facts.pidNamespace = try fileStatus(at: proc + "/ns/pid").inode
        }
        facts.mounts = try mountFacts(of: record.pid)
        let root = try during("open \(proc)/root") { () throws(Errno) in
            RootDirectory(try OwnedDescriptor.open(proc + "/root", .path | .directory))
        }
        facts.places = plan.mounts.map { mountNumber(at: $0.destination, in: root) }
        facts.protected = Set(
            (plan.root.maskedPaths + plan.root.readonlyPaths).compactMap { mountNumber(at: $0.path, in: root) })
        let inside = Set(facts.mounts.map { $0.number })
        facts.devicesOfHost = Set(try mountFacts(of: getpid()).map { $0.device })
        facts.strangers = try strangers()
        for number in Int32(0)...2 { facts.streams.append(try stream(number, inside)) }
        return facts
    }

    // The processes in the container's cgroup that CRIU does not write down, because they do not descend from the init.
    private func strangers() throws(Failure) -> [ProcessFact] {
        let known = Set(descendants(of: record.pid))
        let pids = try cgroup { () throws(CgroupFailure) in try Cgroup(record.cgroup).processes() }
        return pids.filter { !known.contains($0) && !descendsFromInit($0) }.compactMap { pid in
            guard let stat = try? processStat(pid), !stat.hasEnded, let name = try? readText("/proc/\(pid)/comm") else {
                return nil
            }
            return ProcessFact(pid: pid, name: String(name.prefix { $0 != "\n" }))
        }
    }

    // The list of a process's children is only right while none is made or ends. proc(5).
    private func descendsFromInit(_ process: Int32) -> Bool {
        for _ in 0..<100 {
            var current = process
            while let stat = try? processStat(current) {
                if stat.parent == record.pid { return true }
                if stat.parent <= 1 { return false }
                current = stat.parent
            }
            if current == process { return true }
            // An ancestor has ended, and its children have another parent now.
        }
        return false
    }

    private func stream(_ number: Int32, _ inside: Set<UInt64>) throws(Failure) -> StreamFact {
        let path = "\(proc)/fd/\(number)"
        let link: String
        do throws(Errno) {
            link = try readLink(OwnedDescriptor.currentDirectory, path)
        } catch {
            // The program has closed it.
            if error == .noSuchFileOrDirectory { return .inside("/dev/null") }
            throw Failure("read \(path)", error)
        }
        if link.hasPrefix("pipe:[") { return .pipe(link) }
        if link.hasPrefix("socket:[") || link.hasPrefix("anon_inode:") { return .inside(link) }
        let status: FileStatus
        let mount: UInt64
        do throws(Errno) {
            status = try fileStatus(at: path)
            mount = UInt64(try mountOfStream(number))
        } catch {
            throw Failure("look at \(path)", error)
        }
        if inside.contains(mount) { return .inside(link) }
        let isTerminal =
            status.mode & S_IFMT == S_IFCHR && (status.majorNumber == 5 || (136...143).contains(status.majorNumber))
        if isTerminal {
            return .outside("tty[\(String(status.special, radix: 16)):\(String(status.device, radix: 16))]")
        }
        return .outside("file[\(String(mount, radix: 16)):\(String(status.inode, radix: 16))]")
    }

    private func mountOfStream(_ number: Int32) throws(Errno) -> Int {
        let line = try readText("\(proc)/fdinfo/\(number)").split(separator: "\n").first { $0.hasPrefix("mnt_id:") }
        guard let mount = line?.split(separator: "\t").last.flatMap({ Int($0) }) else { throw .invalidArgument }
        return mount
    }
}

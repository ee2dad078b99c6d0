// User namespaces looked at, or made, from outside.

internal import Glibc
internal import Kernel
internal import OCISpec
internal import Planning

/// The maps of the user namespace that a config joins by path; nil when it joins none.
func joinedMaps(_ linux: Linux) throws(Failure) -> IdentityMaps? {
    let index = linux.namespaces.firstIndex { $0.type == NamespaceKind.user.rawValue && !$0.isNew }
    guard let index, let path = linux.namespaces[index].path else { return nil }
    let what = "linux.namespaces[\(index)].path: open \(path)"
    let namespace = try during(what) { () throws(Errno) in try OwnedDescriptor.open(path) }
    let kind: NamespaceKind?
    do throws(Errno) { kind = try namespaceKind(of: namespace.rawValue) } catch { kind = nil }
    // Another kind is an error, reported when the namespaces are joined.
    guard kind == .user else { return nil }
    do throws(Failure) {
        return try identityMaps(of: namespace.rawValue)
    } catch {
        throw error.during("linux.namespaces[\(index)].path: \(path)")
    }
}

/// A user namespace with the given maps, and no process in it.
func makeUserNamespace(_ maps: IdentityMaps) throws(Failure) -> OwnedDescriptor {
    try withHelper(namespaces: NamespaceSet(.user), { () throws(Errno) in }) { pid throws(Failure) in
        try IDMaps(maps: maps, pid: pid).write()
        let path = "/proc/\(pid)/ns/user"
        return try during("open \(path)") { () throws(Errno) in try OwnedDescriptor.open(path) }
    }
}

/// The maps of a user namespace, as this process sees them.
/// - Parameter namespace: a descriptor of it.
func identityMaps(of namespace: Int32) throws(Failure) -> IdentityMaps {
    try withHelper(
        namespaces: [],
        { () throws(Errno) in
            // Processes with rights in that namespace have rights over this process then.
            try hideProcess()
            try joinNamespaces(namespace, NamespaceSet(.user))
            try hideAgain()
        }
    ) { pid throws(Failure) in
        func read(_ name: String) throws(Failure) -> [LinuxIDMapping] {
            let path = "/proc/\(pid)/\(name)"
            return [LinuxIDMapping](
                mapText: try during("read \(path)") { () throws(Errno) in try readText(path) })
        }
        return IdentityMaps(uids: try read("uid_map"), gids: try read("gid_map"))
    }
}

// A helper process that stays in a namespace while the runtime looks at it from outside.
private func withHelper<Value: ~Copyable>(
    namespaces: NamespaceSet, _ inside: () throws(Errno) -> Void, _ outside: (Int32) throws(Failure) -> Value
) throws(Failure) -> Value {
    let pair = try during("make a socket pair") { () throws(Errno) in try SocketPair() }
    let child = try during("clone a process to stand in a user namespace") { () throws(Errno) in
        if mayInspectHiddenProcesses() { try hideProcess() }
        return try cloneProcess(namespaces: namespaces)
    }
    guard let child else { standInside(pair.second.rawValue, inside) }
    defer {
        do throws(Errno) {
            try signalProcess(child.pidfd, SIGKILL)
            _ = try waitForEnd(of: child.pid)
        } catch {}
    }
    let report = try during("receive a message from the process in the user namespace") { () throws(Errno) in
        try receiveMessage(pair.first.rawValue)
    }
    guard report.bytes.count == 1, report.bytes[0] == 0 else {
        throw Failure("join the user namespace", Errno(rawValue: Int32(report.bytes.first ?? UInt8(EIO))))
    }
    return try outside(child.pid)
}

private func standInside(_ socket: Int32, _ inside: () throws(Errno) -> Void) -> Never {
    var code: UInt8 = 0
    do throws(Errno) {
        try processControl(.setParentDeathSignal, UInt(SIGKILL))
        try inside()
    } catch {
        code = UInt8(truncatingIfNeeded: error.rawValue)
    }
    do throws(Errno) { try sendMessage(socket, [code]) } catch { _exit(1) }
    while true { pause() }
}

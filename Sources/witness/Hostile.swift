// A hostile process in a container. The client queries it over a socket for the ways into other processes that it
// finds: `hostile SOCKET`.
//
// The protocol consists of packets. The client's first packet describes what to search for, one item per line:
//   text WORDS     text that must not be readable anywhere; the rest of the line
//   mounts N,N…    the mounts of the host
//   file PATH      a file of the host that no container has
//   stream DEV:INO a file of the host that may be open as a standard stream
// Each later packet is `look PID…`; the answer is one packet with a line `PID HOLE` for each way
// in. A tracer on these processes has no influence: the checks use the permission check of ptrace(2), not ptrace(2)
// itself.

internal import CLinux
internal import Glibc

/// Serves one client after the other, and never returns.
func hostile(_ arguments: [String]) -> (JSON?, Int32) {
    guard arguments.count == 1 else { return (.object([("usage", .string("witness hostile SOCKET"))]), 64) }
    let path = arguments[0]
    let listener = socket(AF_UNIX, Int32(SOCK_SEQPACKET.rawValue) | closeOnExec, 0)
    unlink(path)
    guard clinux_bind_unix(listener, path, path.utf8.count) == 0, listen(listener, 4) == 0 else {
        return (.object([("hostile", .string(errorName(errno)))]), 1)
    }
    signal(SIGPIPE, SIG_IGN)
    while true {
        let asker = clinux_accept4(listener, closeOnExec)
        if asker < 0 { continue }
        serve(asker)
        close(asker)
    }
}

private func serve(_ asker: Int32) {
    guard let first = receive(asker) else { return }
    let quarry = SearchTargets(first)
    send(asker, "ready")
    while let request = receive(asker) {
        let words = request.split(separator: " ")
        send(asker, words.dropFirst().compactMap { Int32($0) }.flatMap(quarry.holes).joined(separator: "\n"))
    }
}

private func receive(_ asker: Int32) -> String? {
    var buffer = [UInt8](repeating: 0, count: 64 << 10)
    let count = recv(asker, &buffer, buffer.count, 0)
    return count > 0 ? String(decoding: buffer[..<count], as: UTF8.self) : nil
}

private func send(_ asker: Int32, _ text: String) {
    let bytes = Array((text + "\n").utf8)
    _ = Glibc.send(asker, bytes, bytes.count, 0)
}

/// The items to search for.
private struct SearchTargets {
    private var texts: [[UInt8]] = []
    private var mounts: Set<UInt64> = []
    private var streams: Set<String> = []
    private var files: [String] = []

    init(_ request: String) {
        for line in request.split(separator: "\n") {
            let value = line.drop { $0 != " " }.dropFirst()
            switch line.prefix(while: { $0 != " " }) {
            case "text": texts.append(Array(value.utf8))
            case "mounts": mounts.formUnion(value.split(separator: ",").compactMap { UInt64($0) })
            case "file": files.append(String(value))
            case "stream": streams.insert(String(value))
            default: break
            }
        }
    }

    func holes(of pid: Int32) -> [String] {
        let place = "/proc/\(pid)/"
        // The process is not visible.
        guard access(place + "stat", F_OK) == 0 else { return [] }
        var found = traces(of: pid)
        for name in ["root", "cwd", "exe"] where leadsOut(place + name) { found.append("\(name) is the host's") }
        // A new mount namespace has copies of the host's mounts, with other ids.
        let climb = String(repeating: "../", count: 16)
        for name in ["root", "cwd"] {
            for file in files where access("\(place)\(name)/\(climb)\(file)", F_OK) == 0 {
                found.append("\(name) leads to files of the host")
            }
        }
        for name in ["cmdline", "environ", "maps", "comm"] {
            guard let bytes = content(place + name) else { continue }
            if name == "environ" { found.append("environ opens") }
            for text in texts where bytes.firstRange(of: text) != nil {
                found.append("\(name) tells \(String(decoding: text, as: UTF8.self))")
            }
        }
        for number in listDirectory(place + "fd") ?? [] where leadsOut(place + "fd/" + number) {
            if Int(number).map({ $0 < 3 }) == true, isStream(place + "fd/" + number) { continue }
            found.append("fd/\(number) is the host's \(readLink(place + "fd/" + number) ?? "")")
        }
        return found.map { "\(pid) \($0)" }
    }

    // These calls need the rights of PTRACE_MODE_ATTACH, but do not conflict with another tracer. ptrace(2).
    private func traces(of pid: Int32) -> [String] {
        var found: [String] = []
        var byte: UInt8 = 0
        // A caller with the right gets EFAULT for an unmapped address.
        if clinux_process_vm_readv(pid, 4096, &byte, 1) >= 0 || errno == EFAULT { found.append("memory is readable") }
        let memory = clinux_openat(currentDirectory, "/proc/\(pid)/mem", O_RDWR | closeOnExec, 0)
        if memory >= 0 {
            found.append("mem opens")
            close(memory)
        }
        let pidfd = clinux_pidfd_open(pid, 0)
        guard pidfd >= 0 else { return found }
        defer { close(pidfd) }
        for number in Int32(0)..<16 {
            let taken = clinux_pidfd_getfd(pidfd, number)
            guard taken >= 0 else { continue }
            close(taken)
            found.append("descriptors can be taken")
            break
        }
        return found
    }

    // Whether a path through /proc, followed, ends on a mount of the host.
    private func leadsOut(_ path: String) -> Bool {
        let fd = clinux_openat(currentDirectory, path, CLINUX_O_PATH | closeOnExec, 0)
        guard fd >= 0 else { return false }
        defer { close(fd) }
        var attributes: UInt64 = 0
        var mount: UInt64 = 0
        return clinux_statx_mount(fd, &attributes, &mount) == 0 && mounts.contains(mount)
    }

    private func isStream(_ path: String) -> Bool {
        var facts = stat()
        return stat(path, &facts) == 0 && streams.contains("\(facts.st_dev):\(facts.st_ino)")
    }

    private func content(_ path: String) -> [UInt8]? { readText(path).map { Array($0.utf8) } }
}

extension [UInt8] {
    /// The position of the first occurrence of a sequence.
    fileprivate func firstRange(of part: [UInt8]) -> Int? {
        guard !part.isEmpty, count >= part.count else { return nil }
        return (0...(count - part.count)).first {
            self[$0] == part[0] && self[$0..<($0 + part.count)].elementsEqual(part)
        }
    }
}

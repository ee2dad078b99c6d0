// CRIU that hangs: on a page server that reads nothing, on a script that waits, stopped by a signal. A dump may take as
// long as it likes, but the container stands still meanwhile: only one that goes on is waited for.

internal import CLinux
internal import Glibc
internal import Kernel

/// Whether CRIU, and all that it has started, get on with their work.
struct CriuProgress {
    /// In seconds: a container that stands still for longer is harmed more than by a checkpoint that fails.
    static let patience: UInt64 = 60

    /// The process that is watched with all below it; nil for those below this one.
    private let process: Int32?
    private let patience: UInt64
    private var seen = ""
    private var since = monotonicNanoseconds()

    init(of process: Int32? = nil, patience: UInt64 = Self.patience) {
        self.process = process
        self.patience = patience
    }

    /// - Returns: whether there has been progress within the time that is allowed.
    mutating func continues() -> Bool {
        if RequestToEnd.current != nil { return false }
        let found = work()
        let now = monotonicNanoseconds()
        if found != seen { (seen, since) = (found, now) }
        return now - since < patience * 1_000_000_000
    }

    // What the processes have done: time on a processor, and bytes read and written.
    private func work() -> String {
        let watched = process.map { descendants(of: $0) } ?? Array(descendants(of: getpid()).dropFirst())
        return watched.map { pid in
            let stat = (try? readText("/proc/\(pid)/stat")) ?? ""
            let name = stat.utf8.lastIndex(of: UInt8(ascii: ")")) ?? stat.startIndex
            // From the state on: the 12th to the 15th are the times.
            let fields = stat[name...].split(separator: " ")
            let times = fields.count > 15 ? fields[12...15].joined(separator: " ") : ""
            return "\(pid) \(times) \((try? readText("/proc/\(pid)/io")) ?? "")"
        }.joined(separator: "\n")
    }
}

/// Waits for the end of CRIU, whose socket is closed: that tells it to take back what it has begun.
///
/// To kill it could leave processes frozen, with its code in them: that comes last.
/// - Parameters:
///   - patience: for how many seconds it may do nothing; 0 where it has failed to answer, or nobody waits for its answer.
///   - moment: for how many seconds it may then take back what it has begun.
///   - port: of the page server.
func endCriu(
    _ pid: Int32, _ pidfd: borrowing OwnedDescriptor, patience: UInt64 = CriuProgress.patience, moment: UInt64 = 10,
    port: Int32? = nil
) {
    // A process that the kernel does not end yet is the subreaper's.
    defer { reap(pid) }
    var progress = CriuProgress(of: pid, patience: patience)
    while patience > 0 {
        if hasEnded(pidfd, seconds: 1) { return }
        if !progress.continues() { break }
    }
    releaseCriu(pid, pidfd, port: port)
    if hasEnded(pidfd, seconds: moment) { return }
    do throws(Errno) {
        if let criu = try ProcessHandle(pid) { killWithDescendants(criu) }
    } catch {
        do throws(Errno) { try signalProcess(pidfd, SIGKILL) } catch {}
    }
    _ = hasEnded(pidfd, seconds: 10)
}

private func hasEnded(_ pidfd: borrowing OwnedDescriptor, seconds: UInt64) -> Bool {
    let end = monotonicNanoseconds() + seconds * 1_000_000_000
    while true {
        let now = monotonicNanoseconds()
        do throws(Errno) {
            let milliseconds = now < end ? Int32(1 + (end - now) / 1_000_000) : 0
            if try waitUntilReadable(pidfd.rawValue, milliseconds: milliseconds) { return true }
        } catch {
            guard error == .interrupted else { return false }
        }
        if now >= end { return false }
    }
}

/// Makes an end of what CRIU waits for, so that it fails, and cleans up.
private func releaseCriu(_ pid: Int32, _ pidfd: borrowing OwnedDescriptor, port: Int32?) {
    let program = try? FileIdentity(fileStatus(at: "/proc/\(pid)/exe"))
    for other in children(ofProcess: pid) {
        // CRIU's own processes have to clean up as well.
        guard let handle = try? ProcessHandle(other),
            let found = try? FileIdentity(fileStatus(at: "/proc/\(other)/exe")),
            found != program
        else { continue }
        killWithDescendants(handle)
    }
    if let port { endConnections(of: pid, pidfd, port: port) }
    do throws(Errno) { try signalProcess(pidfd, SIGCONT) } catch {}
}

// Those with a page server. Other connections are the container's.
private func endConnections(of pid: Int32, _ pidfd: borrowing OwnedDescriptor, port: Int32) {
    guard let directory = try? OwnedDescriptor.open("/proc/\(pid)/fd", .directory),
        let entries = try? directoryEntries(directory.rawValue)
    else { return }
    for entry in entries {
        guard let number = Int32(entry.name) else { continue }
        let copy = clinux_pidfd_getfd(pidfd.rawValue, number)
        guard copy >= 0 else { continue }
        if clinux_has_port(copy, port) != 0 { shutdown(copy, Int32(SHUT_RDWR)) }
        close(copy)
    }
}

private func children(ofProcess pid: Int32) -> [Int32] {
    guard let text = try? readText("/proc/\(pid)/task/\(pid)/children") else { return [] }
    return text.split(whereSeparator: { $0 == " " || $0 == "\n" }).compactMap { Int32($0) }
}

/// Reaps a child if it has ended.
@discardableResult
private func reap(_ pid: Int32) -> Bool {
    var status: Int32 = 0
    return clinux_wait_exited(pid, &status, WNOHANG) == pid
}

/// Ends what a CRIU that was killed has left, to a runtime that is a subreaper: children of ours, stopped for ever.
func endHelpersOfCriu() {
    let most = 100
    for _ in 0..<most {
        let pids = children(ofProcess: getpid())
        if pids.isEmpty { return }
        for pid in pids {
            clinux_kill(pid, SIGKILL)
            guard let handle = try? ProcessHandle(pid) else { continue }
            do throws(Errno) { _ = try waitUntilReadable(handle.pidfd.rawValue, milliseconds: 1000) } catch {}
            reap(pid)
        }
    }
}

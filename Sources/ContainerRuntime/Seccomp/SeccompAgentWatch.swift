// Waiting for a process that may itself wait for a seccomp agent. seccomp_unotify(2).

internal import CSeccomp
internal import Glibc
internal import Kernel

/// Notices an agent that has the listener of a process and never answers what its filter asks.
///
/// The agent's program is not the runtime's: without a limit it could hold a command for ever. What counts is one single
/// call that waits for the whole time, so that a slow machine, or an agent that answers slowly, is not taken for a silent
/// one.
struct SeccompAgentWatch {
    /// In seconds. Longer than an agent takes on a busy machine, shorter than the patience of engines.
    private static let patience = 10

    private let path: String
    private var call: WaitingCall?
    private var seconds = 0

    init(path: String) { self.path = path }

    /// Called once a second while a process sends nothing.
    /// - Parameter hasHooks: whether the process may be running hooks, which have its filter.
    /// - Throws: if a call has waited for the agent too long.
    mutating func check(_ pid: Int32, hasHooks: Bool) throws(Failure) {
        let found = WaitingCall(of: pid) ?? (hasHooks ? Self.callOfHook(of: pid) : nil)
        guard let found, found == call else {
            (call, seconds) = (found, 0)
            return
        }
        seconds += 1
        guard seconds >= Self.patience else { return }
        let name = found.name.map { " to \($0)" } ?? ""
        throw Failure(
            .other,
            "linux.seccomp.listenerPath: the seccomp agent at \(path) has not answered process \(found.pid)"
                + " for \(Self.patience) s: its call\(name) waits")
    }

    /// Adds the likely reason to a step that failed under the filter: the kernel answers ENOSYS if the agent has closed
    /// the listener.
    func explain(_ failure: Failure) -> Failure {
        guard failure.kind == .system(.noFunction) else { return failure }
        return Failure(failure.kind, "\(failure.message) (the seccomp agent at \(path) may have closed its listener)")
    }

    private static func callOfHook(of pid: Int32) -> WaitingCall? {
        do throws(Errno) {
            guard let first = try ProcessHandle(pid) else { return nil }
            var family = [first]
            while true {
                let more = children(of: family)
                if more.isEmpty { return nil }
                for member in more { if let call = WaitingCall(of: member.pid) { return call } }
                family += more
            }
        } catch {
            return nil
        }
    }
}

/// A system call that waits for an agent. It is the same one as before as long as its process has not slept again.
private struct WaitingCall: Equatable {
    let pid: Int32
    private let sleeps: String

    init?(of pid: Int32) {
        self.pid = pid
        do throws(Errno) {
            guard let facts = try processStat(pid), facts.state == UInt8(ascii: "S") || facts.state == UInt8(ascii: "D")
            else { return nil }
            let place = try readText("/proc/\(pid)/wchan")
            // The kernel shows a 0 to those who may not look into the process.
            guard place == "0" ? !Self.hasChildren(pid) : Self.isOfSeccomp(place) else { return nil }
            let lines = try readText("/proc/\(pid)/status").split(separator: "\n")
            sleeps = lines.first { $0.hasPrefix("voluntary_ctxt_switches:") }.map(String.init) ?? ""
        } catch {
            return nil
        }
    }

    /// The call's name, for those who may ask.
    var name: String? {
        do throws(Errno) {
            let words = try readText("/proc/\(pid)/syscall").split(separator: " ")
            guard let number = words.first.flatMap({ Int32($0) }),
                let text = seccomp_syscall_resolve_num_arch(seccomp_arch_native(), number)
            else { return nil }
            defer { free(text) }
            return String(cString: text)
        } catch {
            return nil
        }
    }

    // The name of a function of the kernel's seccomp.c, which compilers make longer: `seccomp_do_user_notification.isra.0`.
    private static func isOfSeccomp(_ place: String) -> Bool {
        place.hasPrefix("seccomp_") || place.hasPrefix("__seccomp_")
    }

    // One that waits for its children does not wait for an agent.
    private static func hasChildren(_ pid: Int32) -> Bool {
        do throws(Errno) {
            guard let handle = try ProcessHandle(pid) else { return false }
            return !children(of: [handle]).isEmpty
        } catch {
            return false
        }
    }
}

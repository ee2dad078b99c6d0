// Hosts and processes that several tests use.

import Cgroups
import Glibc
import OCISpec
import Testing

extension CgroupHost {
    /// A typical v1 host: one mount point per controller, and an empty v2 tree beside them.
    static let legacy = CgroupHost(
        hierarchy: .legacy,
        mounts: ["cpuset", "devices", "memory", "cpu", "pids", "blkio", "freezer", "systemd"].map {
            CgroupMount(controllers: [$0], path: "/sys/fs/cgroup/\($0)")
        },
        ownPaths: ["memory": "/me", "cpu": "/"])

    /// A host with cgroup v2 only.
    static let unified = CgroupHost(
        hierarchy: .unified, mounts: [CgroupMount(controllers: ["unified"], path: "/sys/fs/cgroup")],
        ownPaths: ["unified": "/user.slice/session.scope"])
}

extension Trait where Self == ConditionTrait {
    /// Needs root on a machine with cgroup v1.
    static var needsLegacyRoot: Self {
        enabled("needs root and cgroup v1 controllers") {
            geteuid() == 0 && access("/sys/fs/cgroup/memory/cgroup.procs", F_OK) == 0
        }
    }

    /// Needs root on a machine with systemd, such as the second lane of the virtual machine.
    static var needsSystemd: Self {
        enabled("needs root and a running systemd") { geteuid() == 0 && access("/run/systemd/system", F_OK) == 0 }
    }

    /// Needs an ordinary user with a delegated cgroup at /sys/fs/cgroup/tester, in which the tests run.
    static var needsDelegation: Self {
        enabled("needs another user than root in a delegated cgroup, /sys/fs/cgroup/tester") {
            geteuid() != 0 && access("/sys/fs/cgroup/tester/cgroup.procs", W_OK) == 0
        }
    }

    /// Needs an ordinary user with a systemd of its own.
    static var needsUserSystemd: Self {
        enabled("needs another user than root with a systemd of its own") {
            guard geteuid() != 0, let directory = getenv("XDG_RUNTIME_DIR") else { return false }
            return access("\(String(cString: directory))/systemd/private", F_OK) == 0
        }
    }

    /// Needs root on a machine with cgroup v2 only, such as the virtual machine.
    static var needsUnifiedRoot: Self {
        enabled("needs root and cgroup v2 at /sys/fs/cgroup") {
            geteuid() == 0 && access("/sys/fs/cgroup/cgroup.procs", F_OK) == 0
        }
    }
}

/// A process of the test, killed and reaped at the end.
struct SpawnedProcess: ~Copyable {
    let pid: Int32

    init(_ arguments: [String] = ["/bin/sleep", "60"]) throws {
        var pid: pid_t = 0
        var words: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) }
        defer { for word in words { free(word) } }
        words.append(nil)
        let code = posix_spawn(&pid, arguments[0], nil, nil, words, environ)
        try #require(code == 0)
        self.pid = pid
    }

    deinit {
        kill(pid, SIGKILL)
        waitpid(pid, nil, 0)
    }
}

/// The failure that a piece of code throws.
func failure<Value: ~Copyable>(of body: () throws(CgroupFailure) -> Value) -> CgroupFailure? {
    do throws(CgroupFailure) {
        _ = try body()
        return nil
    } catch {
        return error
    }
}

/// The work of a thread.
private final class Work {
    let run: () -> Void
    init(_ run: @escaping () -> Void) { self.run = run }
}

/// Runs a closure on a thread that ends with it, so that changes of the thread's attributes do not last.
func onOwnThread(_ body: @escaping () -> Void) throws {
    var thread = pthread_t()
    let code = pthread_create(
        &thread, nil,
        { context in
            if let context { Unmanaged<Work>.fromOpaque(context).takeRetainedValue().run() }
            return nil
        }, Unmanaged.passRetained(Work(body)).toOpaque())
    try #require(code == 0)
    pthread_join(thread, nil)
}

// Tells a kernel that is too old from other reasons to fail.

internal import CLinux
internal import Glibc
internal import Kernel

/// mount_setattr(2) is the newest call that no container can do without. Linux has it since 5.12, and every other call that is
/// needed for longer: openat2 since 5.6, clone3 with a cgroup since 5.7, close_range since 5.9.
func hasEveryNeededCall() -> Bool {
    var attributes = clinux_mount_attr()
    return clinux_mount_setattr(-1, "", 0, &attributes) == 0 || errno != ENOSYS
}

extension Failure {
    /// The same failure, with the oldest supported kernel if this one is older, which does not know a call, or a flag; or with
    /// the calls that the seccomp filter of the runtime's caller refuses, if there is one and a call was refused.
    package func namingOldestKernel() -> Failure {
        let ofOldKernels: [Kind] = [ENOSYS, EINVAL, E2BIG].map { .system(Errno(rawValue: $0)) }
        if ofOldKernels.contains(kind), !hasEveryNeededCall() {
            return appending(
                "Linux 5.12 or newer is needed; a seccomp profile around the runtime must allow mount_setattr too")
        }
        // A kernel that has the newest call lacks none of the others.
        return kind == .system(.noFunction) || kind == .system(.notPermitted) ? namingRefusedCalls() : self
    }

    /// The same failure with the limit of open files, if that was reached.
    package func namingDescriptorLimit() -> Failure {
        guard kind == .system(.tooManyOpenFiles) else { return self }
        do throws(Errno) {
            let limit = try currentLimit(.RLIMIT_NOFILE)
            return appending("the caller's hard RLIMIT_NOFILE is \(limit.hard)")
        } catch {
            return self
        }
    }
}

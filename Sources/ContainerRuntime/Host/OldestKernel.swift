// Tells a kernel that is too old from other reasons to fail.

internal import CLinux
internal import Glibc
internal import Kernel
internal import SystemPackage

/// mount_setattr(2) is the newest call that no container can do without. Linux has it since 5.12, and every other call that is
/// needed for longer: openat2 since 5.6, clone3 with a cgroup since 5.7, close_range since 5.9.
func hasEveryNeededCall() -> Bool {
    var attributes = clinux_mount_attr()
    return clinux_mount_setattr(-1, "", 0, &attributes) == 0 || errno != ENOSYS
}

extension Failure {
    /// The same failure, with the oldest supported kernel if this one is older: it does not know a call, or a flag.
    package func namingOldestKernel() -> Failure {
        let ofOldKernels: [Kind] = [ENOSYS, EINVAL, E2BIG].map { .system(Errno(rawValue: $0)) }
        guard ofOldKernels.contains(kind), !hasEveryNeededCall() else { return self }
        return appending(
            "Linux 5.12 or newer is needed; a seccomp profile around the runtime must allow mount_setattr too")
    }
}

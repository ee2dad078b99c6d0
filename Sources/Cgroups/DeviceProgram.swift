// A device policy as the eBPF program that cgroup v2 asks.

internal import CLinux
internal import Kernel
internal import SystemPackage

/// A device policy as a program.
struct DeviceProgram: Equatable {
    var policy: DevicePolicy
    init(_ policy: DevicePolicy) { self.policy = policy }
    func attach(to directory: Int32, path: String, mayBeRefused: Bool) throws(CgroupFailure) {}
}

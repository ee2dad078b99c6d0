enum SystemdBus {
    static func userManagerPath() throws(CgroupFailure) -> String { throw CgroupFailure(.unavailable, "systemd: not built in") }
}
extension Cgroup {
    func stopUnit() throws(CgroupFailure) { throw CgroupFailure(.unavailable, "systemd: not built in") }
}
extension Cgroup {
    func adoptBySystemd(_ pid: Int32, _ plan: CgroupPlan) throws(CgroupFailure) { throw CgroupFailure(.unavailable, "systemd: not built in") }
}
import OCISpec
extension Cgroup {
    func updateUnit(_ resources: LinuxResources) throws(CgroupFailure) { throw CgroupFailure(.unavailable, "systemd: not built in") }
}

internal import OCISpec

/// What systemd is asked for.
package struct SystemdUnitRequest: Equatable, Sendable {
    package var unit: SystemdUnit

    init(
        cgroupsPath: String?, containerID: String, resources: LinuxResources?, annotations: [String: String],
        host: CgroupHost
    ) throws(CgroupFailure) {
        unit = try SystemdUnit(cgroupsPath: cgroupsPath, containerID: containerID, isRootless: host.isRootless)
    }
}

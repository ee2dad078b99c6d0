// `features`: what this runtime can do, from the very tables that do it. runtime-spec, features.md.

internal import CSeccomp
internal import Kernel
package import OCISpec
internal import Planning

extension Features {
    /// The features of this build, independent of the host.
    package static var ofThisRuntime: Features {
        let kernelFlags = SeccompPlan.knownFlags.filter { isSeccompFlagAvailable($0.value.union(needed(by: $0.value))) }
        let version = seccomp_version().pointee
        return Features(
            ociVersionMin: "1.0.0", ociVersionMax: Spec.supportedVersion, hooks: Hooks().kinds.map { $0.0 },
            mountOptions: Planning.mountOptions.map { $0.name },
            linux: Linux(
                namespaces: NamespaceKind.allCases.map { $0.rawValue }.sorted(), capabilities: CapabilitySet.names,
                cgroup: Cgroup(v1: true, v2: true, systemd: true, systemdUser: true, rdma: true),
                seccomp: Seccomp(
                    enabled: true, actions: SeccompPlan.actions.map { $0.name },
                    operators: SeccompPlan.operators.map { $0.name },
                    archs: SeccompPlan.architectureNames, knownFlags: SeccompPlan.knownFlags.map { $0.name },
                    supportedFlags: kernelFlags.map { $0.name }),
                apparmor: Switch(enabled: true), selinux: Switch(enabled: true),
                intelRdt: IntelRdt(enabled: true, schemata: true, monitoring: true),
                memoryPolicy: MemoryPolicy(
                    modes: SchedulingPlan.memoryModes.map { $0.0 }.sorted(),
                    flags: SchedulingPlan.memoryFlags.map { $0.0 }.sorted()),
                mountExtensions: MountExtensions(idmap: Switch(enabled: true)), netDevices: Switch(enabled: true)),
            annotations: [
                "io.github.seccomp.libseccomp.version": "\(version.major).\(version.minor).\(version.micro)",
                "org.opencontainers.runc.checkpoint.enabled": "true",
            ],
            potentiallyUnsafeConfigAnnotations: ["bundle", "org.systemd.property.", "org.criu.config"])
    }

    // This flag is known only beside another.
    private static func needed(by flag: SeccompFlags) -> SeccompFlags {
        flag == .waitKillable ? .newListener : []
    }
}

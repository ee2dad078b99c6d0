// Facts of the host and the caller that change a plan: each is an input of the decision.

import Kernel
import OCISpec
import Testing

@testable import Planning

struct HostFactsTests {
    private static let landlock: TextMap<String> = [
        "org.swiftrun.landlock":
            #"{"ruleset":{"handledAccessFS":["execute","truncate"]},"rules":{"pathBeneath":"#
            + #"[{"allowedAccess":["execute"],"paths":["/bin"]}]}}"#
    ]

    @Test func `the version of Landlock leaves rights out, with a warning`() throws {
        var spec = Spec.container()
        spec.annotations = Self.landlock
        for (version, line) in [
            (nil, "restrict by Landlock: execute,truncate"), (5, "restrict by Landlock: execute,truncate"),
            (2, "restrict by Landlock: execute"), (0, nil),
        ] as [(Int?, String?)] {
            var host = HostFacts.root
            host.landlockVersion = version
            let plan = try spec.plan(host: host)
            #expect(plan.summary(startsAtOnce: true).first { $0.hasPrefix("restrict by") } == line)
            #expect(plan.warnings.isEmpty == ((version ?? 5) == 5), "\(plan.warnings)")
        }
    }

    @Test func `sockets of a service manager are passed on with their variables`() throws {
        var host = HostFacts.root
        host.activationSockets = 2
        #expect(try Spec.container().plan(host: host).process.environment == ["LISTEN_FDS=2", "LISTEN_PID=1"])
        #expect(try Spec.container().plan(host: .root).process.environment == [])
    }

    @Test func `the socket for readiness is a read-only mount and a variable`() throws {
        var host = HostFacts.root
        host.notifyDirectory = "/run/swiftrun/web/notify"
        var spec = Spec.container(mounts: [Mount(destination: "/tmp", type: "tmpfs")])
        spec.process?.env = ["NOTIFY_SOCKET=/of/the/config", "A=1"]
        let plan = try spec.plan(host: host)
        #expect(plan.process.environment == ["A=1", "NOTIFY_SOCKET=/run/notify/notify.sock"])
        #expect(plan.mounts.map(\.isNotify) == [false, true])
        #expect(
            plan.mounts.last?.summary
                == "bind /run/swiftrun/web/notify on /run/notify (ro,nosuid,noexec,nodev)")
        #expect(try spec.plan(host: .root).mounts.count == 1)
    }

    @Test func `without a mount namespace nothing is mounted for readiness`() throws {
        var host = HostFacts.root
        host.notifyDirectory = "/run/swiftrun/web/notify"
        var spec = Spec.container()
        spec.linux?.namespaces.removeAll { $0.type == "mount" }
        let plan = try spec.plan(host: host)
        #expect(plan.mounts == [])
        #expect(plan.process.environment == [])
    }

    @Test func `a capability that the runtime lacks is a warning`() throws {
        var spec = Spec.container()
        spec.process?.capabilities = LinuxCapabilities(
            bounding: ["CAP_KILL", "CAP_SYS_ADMIN"], permitted: ["CAP_KILL", "CAP_SYS_ADMIN"])
        #expect(try spec.plan(host: .root).warnings == [])
        var host = HostFacts.root
        host.permittedCapabilities = CapabilitySet(name: "CAP_KILL")
        #expect(
            try spec.plan(host: host).warnings == [
                "process.capabilities.permitted: ignoring CAP_SYS_ADMIN, which the runtime does not have itself"
            ])
    }

    // CVE-2023-25809.
    @Test(arguments: ["cgroup", "cgroup2"])
    func `a container without a cgroup sees an empty, read-only directory`(type: String) throws {
        var spec = Spec.container(mounts: [Mount(destination: "/sys/fs/cgroup", type: type, options: ["rw"])])
        spec.linux?.namespaces.append(LinuxNamespace(type: "cgroup"))
        #expect(
            try spec.plan(host: .root).mounts.map(\.summary) == [
                "mount tmpfs cgroup on /sys/fs/cgroup (ro,mode=755)"
            ])
    }
}

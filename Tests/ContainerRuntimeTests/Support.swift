// A temporary directory, and sample plans.

import Foundation
import Glibc
import Kernel
import OCISpec
import Planning

@testable import ContainerRuntime

/// A directory of its own under /tmp, removed at the end.
final class Folder: Sendable {
    let path: String

    init() throws {
        path = "/tmp/container-runtime-tests.\(getpid()).\(UUID().uuidString)"
        guard mkdir(path, 0o700) == 0 else { throw Errno(rawValue: errno) }
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    var names: [String] { ((try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []).sorted() }
}

/// The message and kind of the failure that a closure throws.
func failure(_ body: () throws -> some Any) -> Failure? {
    do {
        _ = try body()
        return nil
    } catch {
        return error as? Failure
    }
}

extension ContainerPlan {
    /// A plan with a part of every kind that can fail.
    static func sample() throws -> ContainerPlan {
        let spec = Spec(
            ociVersion: "1.3.0",
            process: OCISpec.Process(
                terminal: true, user: User(uid: 10, gid: 20), args: ["sh", "-c"], env: ["PATH=/a:/b"], cwd: "/work",
                apparmorProfile: "profile", selinuxLabel: "label"),
            root: Root(path: "rootfs", readonly: true), hostname: "web", domainname: "domain",
            mounts: [
                Mount(destination: "/proc", type: "proc", source: "proc"),
                Mount(destination: "/data", source: "/srv", options: ["bind"]),
                Mount(destination: "/dev", type: "tmpfs", options: ["ro"]),
            ],
            linux: Linux(
                sysctl: ["net.ipv4.ip_forward": "1"],
                namespaces: ["pid", "ipc", "uts", "mount"].map { LinuxNamespace(type: $0) }
                    + [LinuxNamespace(type: "network", path: "/run/netns/a")],
                devices: [LinuxDevice(path: "/dev/fuse", type: "c", major: 10, minor: 229)],
                maskedPaths: ["/proc/kcore", "/proc/kcore", "/proc/keys"], readonlyPaths: ["/proc/sys"]))
        return try ContainerPlan(spec: spec, id: "web", bundle: "/bundle", host: .root)
    }
}

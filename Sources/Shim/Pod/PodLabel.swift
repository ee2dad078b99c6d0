// The SELinux label of the files that the containers of a pod share.

internal import CLinux
internal import Glibc
internal import Kernel
package import OCISpec
internal import Kernel

/// The label of a container's files, without the categories that keep it apart from others.
///
/// containerd gives each container categories of its own, unless the pod's specification names a level: it takes a pod's
/// label from the pause container, and a shim that keeps the pod has no way to tell it one. The volumes of a container
/// are relabelled to match by then, so that the shim cannot change its level; but what is the pod's must be open to all.
package struct PodLabel: Equatable, Sendable {
    package let text: String

    /// Nil if the container has no label.
    package init?(of spec: JSONValue) {
        let parts = (spec["linux"]?["mountLabel"]?.text ?? "").split(
            separator: ":", maxSplits: 3, omittingEmptySubsequences: false)
        guard parts.count >= 3 else { return nil }
        // `s0:c1,c2`, or `s0-s0:c0.c1023`.
        let sensitivity = parts.dropFirst(3).map { $0.prefix { $0 != ":" && $0 != "-" } }
        let label = (parts.prefix(3) + sensitivity).joined(separator: ":")
        // It becomes a mount option.
        guard label.utf8.allSatisfy({ $0 > 0x20 && $0 != UInt8(ascii: ",") && $0 != UInt8(ascii: "\"") }) else {
            return nil
        }
        text = label
    }

    /// Whether the host's kernel keeps labels of SELinux.
    static var isSupported: Bool {
        do throws(Errno) {
            return try filesystem(at: "/sys/fs/selinux").magic == FilesystemMagic.selinux
        } catch {
            return false
        }
    }

    func apply(toFile path: String) throws(Errno) {
        let file = try OwnedDescriptor.open(path, [.readOnly, .noFollow])
        try checked { clinux_fsetxattr(file.rawValue, "security.selinux", text, text.utf8.count, 0) }
    }
}

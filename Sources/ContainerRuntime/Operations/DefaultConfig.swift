// `spec`: a config.json to begin with, and the version of the library that filters are made with.

internal import CSeccomp
internal import Glibc
internal import Kernel
internal import OCISpec

/// Writes the default config into a bundle; one that is there already is not touched.
package func writeDefaultConfig(bundle: String, isRootless: Bool) throws(Failure) {
    let path = bundle + "/config.json"
    let isUnified: Bool
    do throws(Errno) {
        isUnified = try filesystem(at: "/sys/fs/cgroup").magic == FilesystemMagic.cgroup2
    } catch {
        isUnified = false
    }
    let spec =
        isRootless
        ? Spec.rootlessConfig(uid: geteuid(), gid: getegid(), cgroupNamespace: isUnified)
        : Spec.defaultConfig(cgroupNamespace: isUnified)
    do throws(Errno) {
        let file = try OwnedDescriptor.open(path, .writeOnly | .create | .exclusive, mode: 0o666)
        try writeAll(spec.json(indent: "\t") + [10], to: file.rawValue)
    } catch {
        if error == .fileExists { throw Failure(.invalid, "File config.json exists. Remove it first") }
        throw Failure("write \(path)", error)
    }
}

/// The version of libseccomp that is built in.
package func libseccompVersion() -> String {
    let version = seccomp_version().pointee
    return "\(version.major).\(version.minor).\(version.micro)"
}

// Directories that a mount needs: `X-containerd.mkdir.path=PATH[:MODE[:UID:GID]]`.

internal import Glibc
internal import Kernel

/// A directory that is made before a mount, unless it is there.
struct NewDirectory: Equatable, Sendable {
    let path: String
    var mode: mode_t = 0o700
    var user: uid_t?
    var group: gid_t?

    init(_ text: String) throws(ShimFailure) {
        let parts = text.split(at: ":", omittingEmptySubsequences: false).map(String.init)
        path = parts[0]
        guard [1, 2, 4].contains(parts.count), path.hasPrefix("/") else { throw Self.refusal(text) }
        if parts.count > 1 {
            guard let mode = mode_t(parts[1], radix: 8), mode <= 0o777 else { throw Self.refusal(text) }
            self.mode = mode
        }
        guard parts.count == 4 else { return }
        guard let user = uid_t(parts[2]), let group = gid_t(parts[3]), user != .max, group != .max else {
            throw Self.refusal(text)
        }
        (self.user, self.group) = (user, group)
    }

    private static func refusal(_ text: String) -> ShimFailure {
        ShimFailure("mount option X-containerd.mkdir.path=\(text): expected PATH[:MODE[:UID:GID]]")
    }

    func make() throws(ShimFailure) {
        let what = "make directory \(path)"
        if let status = try? fileStatus(at: path), status.isDirectory { return }
        try makeDirectories(path, mode: mode)
        try during(what) { () throws(Errno) in
            let directory = try OwnedDescriptor.open(path, [.readOnly, .directory, .noFollow])
            if let user, let group { try checked { fchown(directory.rawValue, user, group) } }
            // The umask has no say.
            try checked { fchmod(directory.rawValue, mode) }
        }
    }
}

// A crowded host: thousands of mounts and hundreds of idle containers besides the measured one.

internal import CLinux
internal import Glibc

/// The mounts and containers that are removed again at the end.
final class Crowd {
    private let folder: String
    private var containers: [(contender: Contender, id: String)] = []

    /// Mounts one empty directory many times; the caller is in a mount namespace of its own.
    init(folder: String, mounts: Int) throws {
        self.folder = folder + "/mounts"
        let empty = self.folder + "/empty"
        mkdir(self.folder, 0o755)
        try mount("tmpfs", self.folder, "tmpfs", 0)
        mkdir(empty, 0o755)
        for index in 1..<max(mounts, 1) {
            let path = "\(self.folder)/\(index)"
            mkdir(path, 0o755)
            try mount(empty, path, nil, UInt(MS_BIND))
        }
    }

    private func mount(_ source: String, _ target: String, _ type: String?, _ flags: UInt) throws {
        guard clinux_mount(source, target, type, flags, nil) == 0 else {
            throw BenchFailure("\(target): cannot mount: \(String(cString: strerror(errno)))")
        }
    }

    /// Starts idle containers, divided among the contenders.
    func fill(with contender: Contender, count: Int, bundle: String) throws {
        guard contender.kind == .runtime else { return }
        for index in 0..<count {
            let id = "crowd-\(contender.name)-\(getpid())-\(index)"
            let pidFile = "\(folder)/pid"
            _ = try Started([contender.path, "create", "--bundle", bundle, "--pid-file", pidFile, id]).succeed()
            containers.append((contender, id))
        }
    }

    func leave() {
        for one in containers {
            _ = try? Started([one.contender.path, "delete", "--force", one.id]).finish()
        }
        while waitpid(-1, nil, WNOHANG) > 0 {}
        _ = clinux_umount2(folder, Int32(MNT_DETACH))
    }
}

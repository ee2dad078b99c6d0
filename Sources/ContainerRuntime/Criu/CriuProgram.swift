// Finds CRIU, and checks that only root can have written it, because root executes it.

internal import Criu
internal import CLinux
internal import Glibc
internal import Kernel

enum CriuProgram {
    /// The first `criu` in PATH.
    /// - Throws: there is none; or others than root could change what it is.
    static func find() throws(Failure) -> Worker {
        let path = getenv("PATH").map { RawText.text($0) } ?? "/usr/sbin:/usr/bin:/sbin:/bin"
        for directory in path.split(separator: ":") where directory.hasPrefix("/") {
            let program = String(directory) + "/criu"
            guard let status = try? fileStatus(at: program), status.isRegular, clinux_access(program, X_OK) == 0 else {
                continue
            }
            if let reason = untrusted(status) {
                throw Failure(.invalid, "execute \(program): \(reason), and it would run as root")
            }
            return Worker(program: program, searchPath: path)
        }
        throw Failure(
            .other,
            "criu not found in PATH (\(path)): install the package criu, which checkpoints and restores processes")
    }
}

extension CriuProgram {
    /// Why others than root may have written a program; nil if none can.
    static func untrusted(
        _ status: FileStatus, isInUserNamespace: @autoclosure () -> Bool = !isInInitialUserNamespace()
    ) -> String? {
        // The kernel shows an owner that has no id in this user namespace as this one, unless a sysctl names another.
        let unmapped: UInt32 = 65534
        if status.uid == unmapped, isInUserNamespace() {
            return "its owner has no id in this user namespace, so that nothing says that it is root"
        }
        if status.uid != 0 { return "it belongs to user \(status.uid), who can write to it" }
        return status.mode & 0o022 == 0 ? nil : "others than root can write to it"
    }
}

extension Runtime {
    /// CRIU takes and gives what no user namespace can.
    func checkRightsForCriu(_ command: String) throws(Failure) {
        guard isRootOfHost() else {
            throw Failure(
                .invalid,
                "\(command) needs root on the host: CRIU cannot do it for an ordinary user, or inside of a user"
                    + " namespace")
        }
    }
}

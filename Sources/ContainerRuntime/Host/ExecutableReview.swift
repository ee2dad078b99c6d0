// Whether the kernel would execute a file, found out before there is a process that could try.

internal import CLinux
internal import Kernel
internal import Planning

struct ExecutableReview {
    let user: FileUser?
    /// For relative paths.
    let directory: String

    enum Finding {
        /// An executable file, by its path without links.
        case executable(String)
        case missing
        /// A mount covers the file, or the caller may not read its path.
        case unknown
        case failed(Errno)
        /// Why it is refused, as the rest of a sentence about the path.
        case refused(String)
    }

    /// What a search or a look at the mode finds, as access(2) does.
    func find(_ path: String, in walk: borrowing RootfsWalk) -> Finding {
        switch walk.arrive(at: path.isAbsolutePath ? path : directory + "/" + path, as: user) {
        case .covered, .unknown: return .unknown
        case .missing: return .missing
        case .failed(let code): return .failed(code)
        case .denied(let place, let file):
            return hasAccessList(place, walk)
                ? .unknown : .refused("is out of reach of user \(user?.uid ?? 0): \(place) has \(facts(file))")
        case .found(let file, let place):
            if file.isDirectory { return .refused("is a directory") }
            guard file.isRegular else { return .refused("is no file") }
            guard file.mode & 0o111 != 0 else {
                return .refused("is no executable file: its mode is 0\(String(file.mode & 0o7777, radix: 8))")
            }
            if let user, !user.mayExecute(file) {
                return hasAccessList(place, walk)
                    ? .unknown : .refused("is not executable for user \(user.uid): it has \(facts(file))")
            }
            return .executable(place)
        }
    }

    private func facts(_ file: FileStatus) -> String {
        "mode 0\(String(file.mode & 0o7777, radix: 8)) and belongs to \(file.uid):\(file.gid)"
    }

    // It can let in whom the mode keeps out. acl(5). In a user namespace of the caller's, ids may look like others.
    private func hasAccessList(_ place: String, _ walk: borrowing RootfsWalk) -> Bool {
        guard isInInitialUserNamespace() else { return true }
        do throws(Errno) {
            let opened = try walk.root.open(place, .readOnly | .noFollow | .nonBlocking)
            let number = opened.rawValue
            try checked { clinux_fgetxattr(number, "system.posix_acl_access", nil, 0) }
            return true
        } catch {
            return error == .permissionDenied || error == .notPermitted
        }
    }

    /// Why the kernel does not execute an executable file, by its first bytes, or by the interpreter or loader that they name.
    /// - Parameters:
    ///   - path: the file's name for people.
    ///   - place: its path without links.
    func obstacle(
        _ path: String, at place: String, in walk: borrowing RootfsWalk, depth: Int = 0
    ) -> String? {
        // As many scripts of scripts as the kernel follows; execve(2).
        guard depth <= 5 else { return "its interpreters are scripts, more of them than the kernel follows" }
        let bytes: [UInt8]
        do throws(Errno) {
            let file = try walk.root.open(place, .path | .noFollow)
            let withoutExecution: Int64 = 8  // ST_NOEXEC
            if try filesystem(of: file.rawValue).flags & withoutExecution != 0 {
                return "it lies on a mount with the option noexec"
            }
            bytes = try ExecutableFormat.beginning(behind: file)
        } catch {
            return nil
        }
        let format = ExecutableFormat(bytes)
        if case .script(let interpreter) = format, !interpreter.isEmpty {
            if interpreter.hasSuffix("\r") { return ExecutableFormat.carriageReturn(interpreter, of: path) }
            return problem("interpreter", interpreter, of: path, in: walk, depth)
        }
        if case .binary(_, let loader?) = format, let text = problem("loader", loader, of: path, in: walk, nil) {
            return text
        }
        return hasFurtherFormats ? nil : format.refusal(bytes, mayHaveOlderMachine: true)
    }

    /// - Parameter depth: of a script; nil for a loader, which needs no other.
    private func problem(
        _ kind: String, _ needed: String, of path: String, in walk: borrowing RootfsWalk, _ depth: Int?
    ) -> String? {
        let subject = "the \(kind) \(needed) of \(path)"
        switch find(needed, in: walk) {
        case .unknown: return nil
        case .missing:
            return subject + " is not in the container"
                + (depth == nil ? ": it is linked to another C library" : "")
        case .failed(let code): return "\(subject): \(code.message)"
        case .refused(let why): return "\(subject) \(why)"
        case .executable(let place):
            guard let depth else { return nil }
            return obstacle(needed, at: place, in: walk, depth: depth + 1)
        }
    }

    // binfmt_misc may have an interpreter for a format that the kernel does not know: a file besides its two own.
    private var hasFurtherFormats: Bool {
        do throws(Errno) {
            let formats = try OwnedDescriptor.open("/proc/sys/fs/binfmt_misc", .readOnly | .directory)
            return try directoryEntries(formats.rawValue).count > 2
        } catch {
            return false
        }
    }
}

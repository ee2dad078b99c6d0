// The directories of a checkpoint: images of processes, as good as programs that root runs, and all that they knew.

internal import Criu
internal import CLinux
internal import Glibc
internal import Kernel
internal import OCISpec
internal import Planning

/// A directory that CRIU writes to or reads from.
struct ImageDirectory: ~Copyable {
    let path: String
    let descriptor: OwnedDescriptor
    private let flag: String

    /// Opens a directory for a checkpoint, and makes it, for root alone, where it is missing.
    /// - Parameter group: who may read it too: root of a container's user namespace, as who the processes are restored.
    static func make(_ path: String, flag: String, group: UInt32? = nil) throws(Failure) -> ImageDirectory {
        let what = "\(flag): make directory \(path)"
        var isNew = false
        var partial = ""
        for part in cleanPath(path).split(separator: "/") {
            partial += "/" + part
            if clinux_mkdir(partial, 0o700) == 0 {
                isNew = true
            } else if errno != EEXIST {
                throw Failure(what, Errno(rawValue: errno))
            }
        }
        let directory = try ImageDirectory(path, flag: flag)
        if isNew, let group {
            let number = directory.descriptor.rawValue
            try during(what) { () throws(Errno) in
                try checked { fchown(number, ~0, group) }
                try checked { fchmod(number, 0o750) }
            }
        }
        return directory
    }

    /// Opens a directory that is there.
    init(_ path: String, flag: String) throws(Failure) {
        let opened = try during("\(flag): open \(path)") { () throws(Errno) in
            try OwnedDescriptor.open(path, .readOnly | .directory)
        }
        try Self.check(path, opened.rawValue, flag)
        self.path = path
        self.flag = flag
        descriptor = opened
    }

    /// By what the directory is found again in another mount namespace.
    borrowing func known() throws(Failure) -> KnownDirectory {
        let number = descriptor.rawValue
        return KnownDirectory(
            path: path,
            identity: FileIdentity(
                try during("\(flag): look at \(path)") { () throws(Errno) in try fileStatus(number) }))
    }

    /// A user who can write to the images can make root execute any code.
    private static func check(_ what: String, _ number: Int32, _ flag: String) throws(Failure) {
        let status = try during("\(flag): look at \(what)") { () throws(Errno) in try fileStatus(number) }
        guard status.uid == geteuid() else {
            throw Failure(
                .invalid, "\(flag): \(what) belongs to user \(status.uid), who could change what root restores")
        }
        guard status.mode & 0o002 == 0, status.mode & 0o020 == 0 || status.gid == 0 else {
            throw Failure(
                .invalid,
                "\(flag): \(what) can be written to by others (mode 0\(String(status.mode & 0o7777, radix: 8))), who could"
                    + " change what root restores")
        }
    }

    /// Checks the images of a restore: they are a checkpoint, and only root can have written them and the checkpoints
    /// below them.
    borrowing func checkImages() throws(Failure) {
        guard has("inventory.img") else {
            throw Failure(.invalid, "\(flag): \(path) is not a checkpoint: it has no inventory.img")
        }
        try checkFiles(descriptor.rawValue, path)
        // In an incremental checkpoint this link names the previous one.
        if has("parent") { try checkParents(at: "parent") }
    }

    /// Checks the checkpoints below these images, which CRIU opens by name: it reads them, and for `--auto-dedup` changes
    /// them.
    borrowing func checkParents(at first: String) throws(Failure) {
        try Self.checkAbove(path, descriptor.rawValue, flag)
        var numbers: [Int32] = []
        defer { for number in numbers { close(number) } }
        var (here, name, link) = (descriptor.rawValue, path, first)
        let longestChain = 1000
        while numbers.count < longestChain {
            let next: OwnedDescriptor
            do throws(Errno) {
                next = try OwnedDescriptor.open(link, .readOnly | .directory, at: here)
            } catch {
                if error == .noSuchFileOrDirectory, !numbers.isEmpty { return }
                throw Failure("\(flag): open \(name)/\(link)", error)
            }
            (name, link) = ("\(name)/\(link)", "parent")
            here = next.relinquish()
            numbers.append(here)
            try Self.check(name, here, flag)
            try Self.checkAbove(name, here, flag)
            try checkFiles(here, name)
        }
        throw Failure(.invalid, "\(flag): \(path): its parents have no end")
    }

    /// Checks the directories above one that is opened by name later: who can rename it can put another in its place.
    private static func checkAbove(_ what: String, _ number: Int32, _ flag: String) throws(Failure) {
        var (here, last) = (number, FileIdentity?.none)
        var numbers: [Int32] = []
        defer { for number in numbers { close(number) } }
        while true {
            let status = try during("\(flag): look above \(what)") { () throws(Errno) in
                here = try OwnedDescriptor.open("..", .path | .directory, at: here).relinquish()
                numbers.append(here)
                return try fileStatus(here)
            }
            if FileIdentity(status) == last { return }
            last = FileIdentity(status)
            let isOthers = status.mode & 0o002 != 0 || status.mode & 0o020 != 0 && status.gid != 0
            guard status.uid == geteuid(), !isOthers || status.mode & S_ISVTX != 0 else {
                let path = (try? readLink(OwnedDescriptor.currentDirectory, "/proc/self/fd/\(here)")) ?? ".."
                throw Failure(
                    .invalid,
                    "\(flag): \(what) is below \(path), where others than root could put another checkpoint in its place"
                )
            }
        }
    }

    private borrowing func checkFiles(_ number: Int32, _ name: String) throws(Failure) {
        let entries = try during("\(flag): read directory \(name)") { () throws(Errno) in try directoryEntries(number) }
        for entry in entries where entry.name.hasSuffix(".img") || entry.name.hasSuffix(".json") {
            let status = try during("\(flag): look at \(name)/\(entry.name)") { () throws(Errno) in
                try fileStatus(at: entry.bytes, in: number, followLinks: false)
            }
            guard status.isRegular else {
                throw Failure(.invalid, "\(flag): \(name)/\(entry.name) is not a regular file")
            }
            guard status.uid == geteuid(), status.mode & 0o002 == 0, status.mode & 0o020 == 0 || status.gid == 0 else {
                throw Failure(
                    .invalid,
                    "\(flag): \(name)/\(entry.name) can be written to by others, who could change what root restores")
            }
        }
    }

    borrowing func names() throws(Failure) -> [String] {
        let number = descriptor.rawValue
        return try during("\(flag): read directory \(path)") { () throws(Errno) in
            // This descriptor may have been read to its end.
            let again = try OwnedDescriptor.open(".", .readOnly | .directory, at: number)
            return try directoryEntries(again.rawValue).map { $0.name }
        }
    }

    borrowing func has(_ name: String) -> Bool { clinux_faccessat2(descriptor.rawValue, name, F_OK, 0) == 0 }

    /// The content of a file here; nil when there is none.
    borrowing func read(_ name: String, limit: Int) throws(Failure) -> [UInt8]? {
        do throws(Errno) {
            let file = try OwnedDescriptor.open(name, .readOnly | .noFollow | .nonBlocking, at: descriptor.rawValue)
            return try readAll(file.rawValue, limit: limit)
        } catch {
            if error == .noSuchFileOrDirectory { return nil }
            throw Failure("read \(path)/\(name)", error)
        }
    }

    /// The record beside the images; nil for those of another runtime.
    borrowing func record() throws(Failure) -> ImageRecord? {
        guard let bytes = try read(ImageRecord.name, limit: 16 << 20) else { return nil }
        do throws(InvalidSpec) { return try ImageRecord(json: bytes) } catch {
            throw Failure(.damaged, "\(path)/\(ImageRecord.name): \(error)")
        }
    }

    /// Why nothing can be written to a log; nil where something can.
    private borrowing func refusal(ofLog name: String) -> Errno? {
        do throws(Errno) {
            let file = try OwnedDescriptor.open(
                name, .writeOnly | .create | .append | .noFollow | .nonBlocking, mode: 0o600, at: descriptor.rawValue)
            try writeAll("\n".utf8, to: file.rawValue)
            return nil
        } catch {
            return error
        }
    }

    borrowing func write(_ name: String, _ bytes: [UInt8]) throws(Failure) {
        let number = descriptor.rawValue
        try during("write \(path)/\(name)") { () throws(Errno) in
            unlinkat(number, name, 0)
            let file = try OwnedDescriptor.open(
                name, .writeOnly | .create | .exclusive | .noFollow, mode: 0o600, at: number)
            try writeAll(bytes, to: file.rawValue)
        }
    }

    /// Why CRIU failed, out of its log, in one sentence.
    /// - Parameter silence: why there is no answer.
    borrowing func failure(
        _ verb: String, log name: String, _ response: Response?, _ silence: Failure? = nil
    ) -> Failure {
        let log = (try? read(name, limit: 256 << 20)) ?? nil
        let complaint = log.flatMap { Complaint(log: $0) } ?? response?.errorMessage.flatMap { Complaint(message: $0) }
        var text = complaint?.text ?? silence?.message ?? "it does not say why"
        // A log that cannot be written has no complaint, or only the one of the answer.
        if let code = refusal(ofLog: name) {
            return Failure("criu failed to \(verb): write \(path)/\(name)", code)
        }
        if complaint == nil, let code = response?.errorNumber, code != 0 { text = Errno(rawValue: code).message }
        if let hint = complaint?.hint { text += " (\(hint))" }
        return Failure(.other, "criu failed to \(verb): \(text); log: \(path)/\(name)")
    }
}

/// A directory that was checked, and is to be opened again.
struct KnownDirectory {
    let path: String
    let identity: FileIdentity

    /// - Throws: another has come to its place.
    func open() throws(Failure) -> OwnedDescriptor {
        try during("open \(path) again") { () throws(Errno) in
            let again = try OwnedDescriptor.open(path, .readOnly | .directory)
            guard FileIdentity(try fileStatus(again.rawValue)) == identity else { throw .staleNFSFileHandle }
            return again
        }
    }
}

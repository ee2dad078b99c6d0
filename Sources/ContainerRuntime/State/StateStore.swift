// The state directories: ROOT/ID, with the record, the config and the start gate.

internal import CLinux
internal import Glibc
package import Kernel
package import OCISpec

/// The directory that holds one directory for each container.
package struct StateStore: Sendable {
    package let root: String
    /// The bundle that a container was named by; one of another bundle is then not what was meant.
    package var bundle: BundlePath?

    package init(root: String) { self.root = root }

    /// Refuses an invalid container id: it becomes the name of a directory, a cgroup and a unit.
    package static func check(id: String) throws(Failure) {
        guard !id.isEmpty else { throw Failure(.invalid, "container ID cannot be empty") }
        guard id.utf8.count <= longestID else {
            throw Failure(
                .invalid,
                "invalid container ID format: \"\(id.prefix(32))…\" has \(id.utf8.count) bytes; \(longestID) are the most"
            )
        }
        guard isID(id) else {
            throw Failure(
                .invalid, "invalid container ID format: \"\(id)\" (letters, digits and _ + . - are allowed)")
        }
    }

    // As a directory's name.
    private static let longestID = 255

    /// The directory of compiled seccomp filters, beside those of the containers.
    static let filtersName = ".seccomp-filters"

    private static func isID(_ id: String) -> Bool {
        let allowed = id.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "+"), UInt8(ascii: "."),
                UInt8(ascii: "-"):
                true
            default: false
            }
        }
        return allowed && id != "." && id != ".." && id != filtersName && id.utf8.count <= longestID
    }

    // The status of a container is read there, and settings of its processes are written there.
    private static func checkProc() throws(Failure) {
        if isProcOwn { return }
        let sentence =
            "/proc shows another pid namespace than that of swiftrun, so that a number there is another process;"
            + " mount a proc of its own (unshare --mount-proc)"
        throw Failure(.invalid, sentence).namingRefusedCalls(isUnlikely: true)
    }

    /// Makes the directory of a new container, locked for the caller.
    package func make(id: String) throws(Failure) -> ContainerDirectory {
        try Self.check(id: id)
        try Self.checkProc()
        let path = root + "/" + id
        for _ in 0..<10 {
            try makeDirectory(path, id)
            do throws(Failure) {
                return try own(path, id)
            } catch {
                if error.kind == .exists { throw error }
                // Somebody has deleted it before it was locked.
                if error.kind == .notFound { continue }
                clinux_rmdir(path)
                throw error
            }
        }
        throw Failure(.wrongState, "container \(id) is deleted by others as often as it is made")
    }

    private func makeDirectory(_ path: String, _ id: String) throws(Failure) {
        if clinux_mkdir(path, 0o711) == 0 { return }
        var code = Errno(rawValue: errno)
        if code == .noSuchFileOrDirectory {
            try makeRoot()
            code = clinux_mkdir(path, 0o711) == 0 ? Errno(rawValue: 0) : Errno(rawValue: errno)
        }
        if code == .fileExists { throw Self.isTaken(id) }
        if code.rawValue != 0 { throw .ofRecords("make directory \(path)", code) }
    }

    // Another command may have deleted the directory by now, and a third may have made a new one. The owner is the
    // command with the lock on a directory that is linked and has no record.
    private func own(_ path: String, _ id: String) throws(Failure) -> ContainerDirectory {
        let directory = try ContainerDirectory(path: path, id: id)
        for _ in 0..<200 {
            if try directory.tryLock() { return directory }
            usleep(5000)
        }
        throw Self.isTaken(id)
    }

    static func isTaken(_ id: String) -> Failure {
        Failure(.exists, "container with given ID already exists: \(id)")
    }

    private func makeRoot() throws(Failure) {
        var path = ""
        for part in root.split(at: "/") {
            path += "/" + part
            if clinux_mkdir(path, path == root ? 0o700 : 0o755) != 0, errno != EEXIST {
                throw .ofRecords("make directory \(path)", Errno(rawValue: errno))
            }
        }
        // The clean-up of an unprivileged user's runtime directory spares files with the sticky bit. XDG Base
        // Directory.
        if !isRootOfHost() { clinux_chmod(root, 0o1700) }
    }

    /// The directory of a container that exists.
    package func open(id: String) throws(Failure) -> ContainerDirectory {
        try Self.check(id: id)
        try Self.checkProc()
        return try ContainerDirectory(path: root + "/" + id, id: id, bundle: bundle)
    }

    /// The ids of all containers, in order.
    /// - Throws: the root cannot be read; `notFound` when it does not exist.
    package func identifiers() throws(Failure) -> [String] {
        try Self.checkProc()
        let directory = try mapping({ () throws(Errno) in
            try OwnedDescriptor.open(root, .readOnly | .directory)
        }) { (code: Errno) in
            code == .noSuchFileOrDirectory
                ? Failure(.notFound, "open \(root): \(code.message)") : .ofRecords("open \(root)", code)
        }
        let entries = try during("read directory \(root)") { () throws(Errno) in
            try directoryEntries(directory.rawValue)
        }
        // Another program's file: not a directory, or not a valid id.
        return entries.filter { $0.name != Self.filtersName && ($0.isDirectory || Self.isID($0.name)) }
            .map { $0.name }.sorted()
    }

    /// Removes what stands in the place of a container's directory: itself, wherever it leads, and never a directory.
    func removeStranger(id: String) throws(Failure) {
        try Self.check(id: id)
        let path = root + "/" + id
        if clinux_unlink(path) != 0, errno != ENOENT { throw Failure("remove \(path)", Errno(rawValue: errno)) }
    }
}

/// The directory of one container, kept open: all files in it are reached through the descriptor.
package struct ContainerDirectory: ~Copyable {
    package let path: String
    package let id: String
    package let descriptor: OwnedDescriptor
    private let bundle: BundlePath?

    init(path: String, id: String, bundle: BundlePath? = nil) throws(Failure) {
        do throws(Errno) {
            descriptor = try OwnedDescriptor.open(path, .readOnly | .directory | .noFollow)
        } catch {
            if error == .noSuchFileOrDirectory { throw Failure(.notFound, "container does not exist: \(id)") }
            throw Self.stranger(path, id) ?? .ofRecords("open \(path)", error)
        }
        self.bundle = bundle
        self.path = path
        self.id = id
    }

    // Another kind of file in its place.
    private static func stranger(_ path: String, _ id: String) -> Failure? {
        do throws(Errno) {
            let status = try fileStatus(at: path, followLinks: false)
            guard let kind = status.otherKind else { return nil }
            return Failure(
                .damaged,
                "the state of container \(id) is damaged: \(path) is \(kind), not a directory;"
                    + " delete --force removes it")
        } catch {
            return nil
        }
    }

    package static let recordName = "state.json"

    /// The directory of a service's socket, which is mounted into the container.
    static let notifyName = "notify"
    package static let configName = "config.json"
    package static let gateName = "start.sock"
    /// There while `delete --force` waits for the end of a command that it has taken the container away from.
    static let deletionName = "deleted"

    /// Writes a file so that readers see the old content or the new one, never a part.
    /// - Parameter isNew: whether it is an error (`EEXIST`) that there is one already.
    /// - Returns: the file, for who writes on in it.
    @discardableResult
    package borrowing func write(
        _ name: String, _ bytes: [UInt8], isNew: Bool = false
    ) throws(Failure) -> OwnedDescriptor {
        let number = descriptor.rawValue
        let temporary = "." + name
        return try during("write \(path)/\(name)") { () throws(Errno) in
            let file = try OwnedDescriptor.open(
                temporary, .writeOnly | .create | .truncate | .noFollow, mode: 0o600, at: number)
            try writeAll(bytes, to: file.rawValue)
            let (noReplace, exchange): (UInt32, UInt32) = (1, 2)  // RENAME_NOREPLACE, RENAME_EXCHANGE
            if clinux_renameat2(number, temporary, number, name, noReplace) == 0 { return file }
            if isNew, errno == EEXIST { throw .fileExists }
            // ext4 writes a file to the disk at once when it replaces another, but not when two change places.
            if clinux_renameat2(number, temporary, number, name, exchange) == 0 {
                unlinkat(number, temporary, 0)
            } else {
                try checked { clinux_renameat2(number, temporary, number, name, 0) }
            }
            return file
        }
    }

    /// Remembers the container.
    /// - Returns: the record's file, for ``markReady(_:)``.
    @discardableResult
    package borrowing func write(_ record: ContainerRecord) throws(Failure) -> OwnedDescriptor {
        try write(Self.recordName, record.json())
    }

    /// Remembers a new container; its directory is removed if that fails.
    /// - Throws: `exists` when the directory has become another's, who has written a record already.
    package borrowing func writeFirst(_ record: ContainerRecord) throws(Failure) {
        do throws(Failure) {
            try write(Self.recordName, record.json(), isNew: true)
        } catch {
            if error.kind == .system(.fileExists) {
                removeFile("." + Self.recordName)
                throw StateStore.isTaken(id)
            }
            // There is no other file yet. This opens nothing, because the failure may be too many open files.
            removeFile("." + Self.recordName)
            removeFile(Self.recordName)
            do throws(Failure) { try removeItself() } catch {}
            throw error
        }
    }

    /// Marks the container as ready for commands that enter it: one byte in the record's file, so that a full disk does
    /// not matter.
    borrowing func markReady(_ file: borrowing OwnedDescriptor) throws(Failure) {
        let number = file.rawValue
        try during("write \(path)/\(Self.recordName)") { () throws(Errno) in
            var digit = UInt8(ascii: "1")
            try checked { pwrite(number, &digit, 1, off_t(ContainerRecord.readyOffset)) }
        }
    }

    /// The record.
    /// - Throws: `notFound` if there is none: the container is being created, or its creation was cut short. Other files
    ///   are written after the record and removed before it, so that they show a record that was lost.
    package borrowing func record() throws(Failure) -> ContainerRecord {
        let bytes: [UInt8]
        do throws(Errno) {
            bytes = try read(Self.recordName)
        } catch {
            if error == .noSuchFileOrDirectory, !has(Self.configName), !has(Self.gateName) {
                throw Failure(.notFound, "container does not exist: \(id)")
            }
            throw isDamaged("\(error.message)").namingRefusedCalls(after: error)
        }
        let record: ContainerRecord
        do throws(InvalidSpec) { record = try ContainerRecord(record: bytes) } catch { throw isDamaged("\(error)") }
        guard record.id == id else { throw isDamaged("id: is another container's") }
        guard let bundle else { return record }
        guard bundle.isSame(as: record.bundle) else {
            throw Failure(.invalid, "container \(id) belongs to bundle \(record.bundle), not \(bundle.path)")
        }
        if let made = record.bundleDirectory, let found = bundle.directory, found != made {
            throw Failure(
                .invalid,
                "container \(id) belongs to the bundle that was \(record.bundle) when it was made, not to the one that is"
                    + " there now")
        }
        return record
    }

    private borrowing func isDamaged(_ how: String) -> Failure {
        Failure(.damaged, "the state of container \(id) is damaged: \(path)/\(Self.recordName): \(how)")
    }

    // Another file may have replaced it: it is neither followed nor waited for.
    private borrowing func read(_ name: String) throws(Errno) -> [UInt8] {
        let flags: OpenFlags = .noFollow | .nonBlocking
        let file = try OwnedDescriptor.open(name, flags, at: descriptor.rawValue)
        return try readAll(file.rawValue)
    }

    /// The config the container was made from.
    package borrowing func config() throws(Failure) -> Spec {
        try readConfig { (bytes) throws(InvalidSpec) in try Spec(config: bytes) }
    }

    /// The process of that config, for those who need no more of it.
    borrowing func configProcess() throws(Failure) -> Process? {
        try readConfig { (bytes) throws(InvalidSpec) in try Process(ofConfig: bytes) }
    }

    private borrowing func readConfig<Value>(
        _ decode: ([UInt8]) throws(InvalidSpec) -> Value
    ) throws(Failure) -> Value {
        let bytes = try during("read \(path)/\(Self.configName)") { () throws(Errno) in try read(Self.configName) }
        do throws(InvalidSpec) {
            return try decode(bytes)
        } catch {
            throw Failure(.other, "\(path)/\(Self.configName): \(error)")
        }
    }

    /// A path to a file here that fits a socket's address, however long the directory's path is.
    package borrowing func socketPath(_ name: String) -> String { "/proc/self/fd/\(descriptor.rawValue)/\(name)" }

    /// Whether a file exists here.
    package borrowing func has(_ name: String) -> Bool {
        clinux_faccessat2(descriptor.rawValue, name, F_OK, 0) == 0
    }

    /// - Throws: the reason why no file can be made or removed here, such as a filesystem that has become read-only.
    borrowing func checkWritable() throws(Errno) {
        let number = descriptor.rawValue
        try checked { clinux_faccessat2(number, ".", W_OK, 0) }
    }

    /// The identity of this directory: a later one of the same name has another.
    borrowing func identity() throws(Failure) -> FileIdentity {
        let number = descriptor.rawValue
        return FileIdentity(try during("look at \(path)") { () throws(Errno) in try fileStatus(number) })
    }

    private borrowing func isAtPath(_ status: FileStatus) throws(Failure) -> Bool {
        do throws(Errno) {
            return FileIdentity(try fileStatus(at: path)) == FileIdentity(status)
        } catch {
            if error == .noSuchFileOrDirectory { return false }
            throw Failure("look at \(path)", error)
        }
    }

    package borrowing func removeFile(_ name: String) { unlinkat(descriptor.rawValue, name, 0) }

    /// Empties the directory of a service's socket: a privileged container can have made it writable.
    private borrowing func emptyNotifyDirectory() throws(Errno) {
        let place: OwnedDescriptor
        do throws(Errno) {
            place = try OwnedDescriptor.open(
                Self.notifyName, .readOnly | .directory | .noFollow, at: descriptor.rawValue)
        } catch {
            if error == .noSuchFileOrDirectory { return }
            throw error
        }
        try removeContents(of: place.rawValue)
    }

    /// Forgets the container. The record goes last: a command that is killed here can be run again.
    package borrowing func remove() throws(Failure) {
        let number = descriptor.rawValue
        try during("remove \(path)") { () throws(Errno) in
            try emptyNotifyDirectory()
            for entry in try directoryEntries(number) where entry.name != Self.recordName {
                do throws(Errno) {
                    try checked { unlinkat(number, entry.bytes, entry.isDirectory ? AT_REMOVEDIR : 0) }
                } catch {
                    if error == .noSuchFileOrDirectory { continue }
                    // Another program's directory that is not empty, or an immutable file.
                    try removeContents(of: number, sparing: Self.recordName)
                }
            }
            // A directory may be in its place.
            if unlinkat(number, Self.recordName, 0) != 0, errno != ENOENT { try removeContents(of: number) }
        }
        try removeItself()
    }

    private borrowing func removeItself() throws(Failure) {
        let number = descriptor.rawValue
        let status = try during("look at \(path)") { () throws(Errno) in try fileStatus(number) }
        // Another command has removed it, and the path may be another container's.
        guard status.links > 0, try isAtPath(status) else { return }
        if clinux_rmdir(path) != 0, errno != ENOENT { throw Failure("remove \(path)", Errno(rawValue: errno)) }
    }
}

extension Failure {
    /// A refused operation on the directory with the records. A user whose session names none gets root's.
    fileprivate static func ofRecords(_ operation: String, _ code: Errno) -> Failure {
        let failure = Failure(operation, code)
        guard code == .permissionDenied, failure.path?.hasPrefix("/run/swiftrun") == true,
            getenv("XDG_RUNTIME_DIR") == nil,
            !isRootOfHost()
        else { return failure }
        return failure.appending(
            "XDG_RUNTIME_DIR is not set, below which a user's containers are remembered; --root names a directory")
    }
}

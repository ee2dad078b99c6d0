// Where containers are remembered: ROOT/ID, with the record, the config it was made from, and the start gate.

internal import CLinux
internal import Glibc
package import Kernel
package import OCISpec
internal import SystemPackage

/// The directory that holds one directory for each container.
package struct StateStore: Sendable {
    package let root: String
    /// The bundle that a container was named by; one of another bundle is then not what was meant.
    package var bundle: BundlePath?

    package init(root: String) { self.root = root }

    /// Refuses what is no container id: it becomes a directory's name, a cgroup's name and a unit's name.
    package static func check(id: String) throws(Failure) {
        guard !id.isEmpty else { throw Failure(.invalid, "container ID cannot be empty") }
        let allowed = id.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "+"), UInt8(ascii: "."),
                UInt8(ascii: "-"):
                true
            default: false
            }
        }
        guard allowed, id != ".", id != "..", id != SeccompCache.directoryName, id.utf8.count <= 255 else {
            throw Failure(
                .invalid, "invalid container ID format: \"\(id)\" (letters, digits and _ + . - are allowed)")
        }
    }

    /// Makes the directory of a new container, locked for the caller.
    package func make(id: String) throws(Failure) -> ContainerDirectory {
        try Self.check(id: id)
        let path = root + "/" + id
        if mkdir(path, 0o711) != 0 {
            var code = Errno(rawValue: errno)
            if code == .noSuchFileOrDirectory {
                try makeRoot()
                code = mkdir(path, 0o711) == 0 ? Errno(rawValue: 0) : Errno(rawValue: errno)
            }
            if code == .fileExists {
                throw Failure(.exists, "container with given ID already exists: \(id)")
            }
            if code.rawValue != 0 { throw Failure("make directory \(path)", code) }
        }
        do throws(Failure) {
            let directory = try ContainerDirectory(path: path, id: id)
            try directory.lock()
            return directory
        } catch {
            rmdir(path)
            throw error
        }
    }

    private func makeRoot() throws(Failure) {
        var path = ""
        for part in root.split(separator: "/") {
            path += "/" + part
            if mkdir(path, path == root ? 0o700 : 0o755) != 0, errno != EEXIST {
                throw Failure("make directory \(path)", Errno(rawValue: errno))
            }
        }
        // What tidies up an ordinary user's runtime directory leaves alone what has the sticky bit. XDG Base Directory.
        if !isRootOfHost() { chmod(root, 0o1700) }
    }

    /// The directory of a container that exists.
    package func open(id: String) throws(Failure) -> ContainerDirectory {
        try Self.check(id: id)
        return try ContainerDirectory(path: root + "/" + id, id: id, bundle: bundle)
    }

    /// The ids of all containers, in order.
    /// - Throws: the root cannot be read; `notFound` when it does not exist.
    package func identifiers() throws(Failure) -> [String] {
        let directory = try mapping({ () throws(Errno) in
            try OwnedDescriptor.open(root, .readOnly | .directory)
        }) { (code: Errno) in
            code == .noSuchFileOrDirectory
                ? Failure(.notFound, "open \(root): \(code.word)") : Failure("open \(root)", code)
        }
        let entries = try during("read directory \(root)") { () throws(Errno) in
            try directoryEntries(directory.rawValue)
        }
        return entries.filter { $0.isDirectory && $0.name != SeccompCache.directoryName }.map(\.name).sorted()
    }
}

/// The directory of one container, kept open: all files in it are reached through the descriptor.
package struct ContainerDirectory: ~Copyable {
    package let path: String
    package let id: String
    package let descriptor: OwnedDescriptor
    private let bundle: BundlePath?

    init(path: String, id: String, bundle: BundlePath? = nil) throws(Failure) {
        self.bundle = bundle
        self.path = path
        self.id = id
        do throws(Errno) {
            descriptor = try OwnedDescriptor.open(path, .readOnly | .directory | .noFollow)
        } catch {
            throw error == .noSuchFileOrDirectory
                ? Failure(.notFound, "container does not exist: \(id)") : Failure("open \(path)", error)
        }
    }

    /// Keeps other commands that change the container out until this one ends.
    ///
    /// The lock lies on the directory itself, so it leaves no file and goes with the process that holds it. flock(2).
    /// - Throws: `wrongState` when another command does not finish in time; `notFound` when the one that held the
    ///   lock has deleted the container.
    package borrowing func lock(seconds: Int = 10) throws(Failure) {
        let number = descriptor.rawValue
        var waited = 0
        while flock(number, LOCK_EX | LOCK_NB) != 0 {
            guard errno == EWOULDBLOCK || errno == EINTR else {
                throw Failure("lock \(path)", Errno(rawValue: errno))
            }
            guard waited < seconds * 200 else {
                throw Failure(
                    .wrongState,
                    "container \(id) is busy: another command has been changing it for more than \(seconds) s")
            }
            usleep(5000)
            waited += 1
        }
        let status = try during("lock \(path)") { () throws(Errno) in try fileStatus(number) }
        guard status.links > 0 else { throw Failure(.notFound, "container does not exist: \(id)") }
    }

    /// Lets other commands in again before this one ends.
    package borrowing func unlock() { flock(descriptor.rawValue, LOCK_UN) }

    package static let recordName = "state.json"
    package static let configName = "config.json"
    package static let gateName = "start.sock"

    /// Writes a file so that readers see the old content or the new one, never a part.
    package borrowing func write(_ name: String, _ bytes: [UInt8]) throws(Failure) {
        let number = descriptor.rawValue
        let temporary = "." + name
        try during("write \(path)/\(name)") { () throws(Errno) in
            let file = try OwnedDescriptor.open(
                temporary, .writeOnly | .create | .truncate | .noFollow, mode: 0o600, at: number)
            try writeAll(bytes, to: file.rawValue)
            let (noReplace, exchange): (UInt32, UInt32) = (1, 2)  // RENAME_NOREPLACE, RENAME_EXCHANGE
            if clinux_renameat2(number, temporary, number, name, noReplace) == 0 { return }
            // ext4 writes a file to the disk at once when it replaces another, but not when two change places.
            if clinux_renameat2(number, temporary, number, name, exchange) == 0 {
                unlinkat(number, temporary, 0)
            } else {
                try checked { clinux_renameat2(number, temporary, number, name, 0) }
            }
        }
    }

    /// Remembers the container.
    package borrowing func write(_ record: ContainerRecord) throws(Failure) {
        try write(Self.recordName, record.json())
    }

    /// What is remembered of the container.
    /// - Throws: `notFound` when nothing is: it is being made, or its making was cut short.
    package borrowing func record() throws(Failure) -> ContainerRecord {
        let bytes: [UInt8]
        do throws(Errno) {
            bytes = try readFile(Self.recordName, at: descriptor.rawValue)
        } catch {
            throw error == .noSuchFileOrDirectory
                ? Failure(.notFound, "container does not exist: \(id)")
                : Failure("read \(path)/\(Self.recordName)", error)
        }
        let record: ContainerRecord
        do throws(InvalidSpec) {
            record = try ContainerRecord(json: bytes)
        } catch {
            throw Failure(.other, "\(path)/\(Self.recordName): \(error)")
        }
        if let bundle, !bundle.isSame(as: record.bundle) {
            throw Failure(.invalid, "container \(id) belongs to bundle \(record.bundle), not \(bundle.path)")
        }
        return record
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
        let bytes = try during("read \(path)/\(Self.configName)") { [number = descriptor.rawValue] () throws(Errno) in
            try readFile(Self.configName, at: number)
        }
        do throws(InvalidSpec) {
            return try decode(bytes)
        } catch {
            throw Failure(.other, "\(path)/\(Self.configName): \(error)")
        }
    }

    /// A path to a file here that is short enough for a socket's address, whatever the directory is called.
    package borrowing func socketPath(_ name: String) -> String { "/proc/self/fd/\(descriptor.rawValue)/\(name)" }

    /// Whether a file is here.
    package borrowing func has(_ name: String) -> Bool {
        clinux_faccessat2(descriptor.rawValue, name, F_OK, 0) == 0
    }

    package borrowing func removeFile(_ name: String) { unlinkat(descriptor.rawValue, name, 0) }

    /// Forgets the container. The record goes last: a command that is killed here can be run again.
    package borrowing func remove() throws(Failure) {
        let number = descriptor.rawValue
        try during("remove \(path)") { () throws(Errno) in
            try NotifySocket.remove(from: self)
            for entry in try directoryEntries(number) where entry.name != Self.recordName {
                do throws(Errno) {
                    try checked { unlinkat(number, entry.name, entry.isDirectory ? AT_REMOVEDIR : 0) }
                } catch {
                    if error != .noSuchFileOrDirectory { throw error }
                }
            }
        }
        unlinkat(number, Self.recordName, 0)
        if rmdir(path) != 0, errno != ENOENT { throw Failure("remove \(path)", Errno(rawValue: errno)) }
    }
}

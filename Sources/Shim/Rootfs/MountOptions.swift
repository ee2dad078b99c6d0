// Mount options as words, and what mount(2) makes of them.

internal import Kernel

/// The meaning of a list of mount options.
package struct MountOptions: Equatable, Sendable {
    package var flags: UInt = 0
    /// Propagation flags, which take a call of their own.
    package var propagation: UInt = 0
    /// The options of the file system itself.
    package var data: [String] = []
    package var usesLoopDevice = false
    /// `direct-io` beside `loop`.
    package var isDirect = false
    /// Directories to be made before: the values of `X-containerd.mkdir.path`.
    package var directories: [String] = []
    /// An option for containerd's mount manager that protects, and that is not known here.
    package var unmetProtection: String?
    /// `uidmap=` and `gidmap=`: the ids under which the files appear.
    package var userMap: String?
    package var groupMap: String?

    package static let readOnly: UInt = 1 << 0  // MS_RDONLY
    package static let remount: UInt = 1 << 5  // MS_REMOUNT
    package static let bind: UInt = 1 << 12  // MS_BIND

    /// Sorts the words of a list.
    package init(_ words: [String]) {
        for word in words {
            if let change = Self.table[word] {
                flags = change.isSet ? flags | change.flags : flags & ~change.flags
            } else if let kind = Self.propagations[word] {
                propagation = kind
            } else if word == "loop" {
                usesLoopDevice = true
            } else if word.hasPrefix("uidmap=") {
                userMap = String(word.dropFirst(7))
            } else if word.hasPrefix("gidmap=") {
                groupMap = String(word.dropFirst(7))
            } else if word.hasPrefix("X-containerd.") {
                take(ofContainerd: word)
            } else if !word.isEmpty {
                data.append(word)
            }
        }
        let direct = "direct-io"
        isDirect = usesLoopDevice && data.contains(direct)
        if isDirect { data.removeAll { $0 == direct } }
    }

    // Meant for the mount manager of containerd, which has usually taken them out.
    private mutating func take(ofContainerd word: String) {
        let directory = "X-containerd.mkdir.path="
        if word.hasPrefix(directory) { directories.append(String(word.dropFirst(directory.utf8.count))) }
        if word.hasPrefix("X-containerd.dmverity") { unmetProtection = word }
    }

    private struct Change {
        let isSet: Bool
        let flags: UInt
        static func set(_ flags: UInt) -> Change { Change(isSet: true, flags: flags) }
        static func clear(_ flags: UInt) -> Change { Change(isSet: false, flags: flags) }
    }

    private static let recursive: UInt = 1 << 14  // MS_REC

    /// The flags of mount(2) as mount_setattr(2) and fsmount(2) have them.
    static func attributes(_ flags: UInt) -> MountAttributes {
        let pairs: [(UInt, MountAttributes)] = [
            (readOnly, .readOnly), (1 << 1, .noSuid), (1 << 2, .noDev), (1 << 3, .noExec), (1 << 8, .noSymlinkFollow),
            (1 << 10, .noAtime), (1 << 11, .noDirAtime), (1 << 24, .strictAtime),
        ]
        return pairs.reduce([]) { flags & $1.0 == 0 ? $0 : $0.union($1.1) }
    }

    private static let table: [String: Change] = [
        "async": .clear(1 << 4),  // MS_SYNCHRONOUS
        "atime": .clear(1 << 10),  // MS_NOATIME
        "bind": .set(bind),
        "defaults": .set(0),
        "dev": .clear(1 << 2),  // MS_NODEV
        "diratime": .clear(1 << 11),  // MS_NODIRATIME
        "dirsync": .set(1 << 7),  // MS_DIRSYNC
        "exec": .clear(1 << 3),  // MS_NOEXEC
        "mand": .set(1 << 6),  // MS_MANDLOCK
        "noatime": .set(1 << 10),
        "nodev": .set(1 << 2),
        "nodiratime": .set(1 << 11),
        "noexec": .set(1 << 3),
        "nomand": .clear(1 << 6),
        "norelatime": .clear(1 << 21),  // MS_RELATIME
        "nostrictatime": .clear(1 << 24),  // MS_STRICTATIME
        "nosuid": .set(1 << 1),  // MS_NOSUID
        "nosymfollow": .set(1 << 8),  // MS_NOSYMFOLLOW
        "rbind": .set(bind | recursive),
        "relatime": .set(1 << 21),
        "remount": .set(remount),
        "ro": .set(readOnly),
        "rw": .clear(readOnly),
        "strictatime": .set(1 << 24),
        "suid": .clear(1 << 1),
        "symfollow": .clear(1 << 8),
        "sync": .set(1 << 4),
    ]

    private static let propagations: [String: UInt] = [
        "private": 1 << 18, "rprivate": 1 << 18 | recursive,  // MS_PRIVATE
        "shared": 1 << 20, "rshared": 1 << 20 | recursive,  // MS_SHARED
        "slave": 1 << 19, "rslave": 1 << 19 | recursive,  // MS_SLAVE
        "unbindable": 1 << 17, "runbindable": 1 << 17 | recursive,  // MS_UNBINDABLE
    ]
}

/// Options of an overlay that are too long for one page, made shorter.
///
/// Lower directories are named from the deepest directory that holds them all, which becomes the working directory.
package struct CompactOverlay: Equatable, Sendable {
    package let workingDirectory: String
    package let options: [String]
    /// Whether even these exceed one page.
    package let isTooLong: Bool

    /// Nothing when the options are short enough, or have no common directory.
    package init?(_ options: [String], pageSize: Int = 4096) {
        let length = options.reduce(0) { $0 + $1.utf8.count + 1 }
        let prefix = "lowerdir="
        guard length >= pageSize - 512, let index = options.firstIndex(where: { $0.hasPrefix(prefix) }) else {
            return nil
        }
        let layers = options[index].dropFirst(prefix.count).split(at: ":", omittingEmptySubsequences: false)
        let common = layers.allSatisfy { $0.isAbsolutePath } ? Self.commonDirectory(layers) : nil
        guard let common else {
            // As long as they fit, the kernel is given them as they are.
            if length < pageSize { return nil }
            workingDirectory = "/"
            self.options = options
            isTooLong = true
            return
        }
        workingDirectory = common
        var shorter = options
        shorter[index] = prefix + layers.map { $0.dropFirst(common.count + 1) }.joined(separator: ":")
        self.options = shorter
        isTooLong = shorter.reduce(0) { $0 + $1.utf8.count + 1 } > pageSize
    }

    private static func commonDirectory(_ paths: [Substring]) -> String? {
        let split = paths.map { $0.split(at: "/").dropLast() }
        guard var common = split.first.map(Array.init) else { return nil }
        for path in split {
            common = Array(zip(common, path).prefix { $0 == $1 }.map(\.0))
        }
        return common.isEmpty ? nil : "/" + common.joined(separator: "/")
    }
}

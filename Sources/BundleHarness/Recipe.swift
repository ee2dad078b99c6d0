// Files that a case needs: in the root filesystem, or on the host.

internal import CLinux
internal import Glibc
package import SystemPackage

/// Files, directories, links and nodes by path.
package struct Recipe: Sendable, Equatable {
    package enum Content: Sendable, Equatable {
        case directory
        case file(String)
        case link(String)
        case fifo
        case node(Character, Int, Int)
        /// A copy of one of the harness's programs.
        case program(String)
        /// Removes a file of the usual root filesystem.
        case nothing
    }

    package struct Entry: Sendable, Equatable {
        package var path: String
        package var content: Content
        package var mode: Int?
        package var uid: Int?
        package var gid: Int?
    }

    package var entries: [Entry] = []

    package init() {}

    /// Parses a recipe.
    ///
    /// A string is a file's content, a path that ends with a slash is a directory, an object describes other kinds.
    /// - Throws: `CaseError` with the key.
    package init(_ members: [String: JSONValue], at path: String) throws(CaseError) {
        for (name, value) in members.sorted(by: { $0.key < $1.key }) {
            entries.append(try Recipe.entry(name, value, at: "\(path).\(name)"))
        }
    }

    private static func entry(_ name: String, _ value: JSONValue, at path: String) throws(CaseError) -> Entry {
        guard !name.split(separator: "/").contains("..") else { throw CaseError("\(path): must not contain ..") }
        if let text = value.string { return Entry(path: name, content: .file(text)) }
        if value == .null { return Entry(path: name, content: .nothing) }
        var fields = try Fields(value, at: path)
        var entry = Entry(path: name, content: name.hasSuffix("/") ? .directory : .file(""))
        if let text = try fields.string("text") { entry.content = .file(text) }
        if let target = try fields.string("link") { entry.content = .link(target) }
        if try fields.bool("fifo") == true { entry.content = .fifo }
        if let program = try fields.string("program") {
            try checkWord(program, among: ["busybox", "witness"], at: "\(path).program")
            entry.content = .program(program)
        }
        if let node = try fields.string("node") { entry.content = try self.node(node, at: "\(path).node") }
        if let mode = try fields.string("mode") {
            guard let bits = Int(mode, radix: 8), (0...0o7777).contains(bits) else {
                throw CaseError("\(path).mode: not octal digits")
            }
            entry.mode = bits
        }
        if let owner = try fields.string("owner") {
            let ids = owner.split(separator: ":").map { Int($0) }
            guard ids.count == 2, let uid = ids[0], let gid = ids[1], [uid, gid].allSatisfy((0...largestID).contains)
            else {
                throw CaseError("\(path).owner: expected UID:GID")
            }
            entry.uid = uid
            entry.gid = gid
        }
        try fields.finish()
        return entry
    }

    /// The largest uid and gid: the number after it means "none" (chown(2)).
    static let largestID = 0xffff_fffe

    private static func node(_ text: String, at path: String) throws(CaseError) -> Content {
        let words = text.split(separator: " ")
        guard words.count == 3, let kind = words[0].first, ["c", "b"].contains(words[0]),
            let major = Int(words[1]), let minor = Int(words[2]), (0...0xfff).contains(major),
            (0...0xfffff).contains(minor)
        else { throw CaseError("\(path): expected a text like c 1 3") }
        return .node(kind, major, minor)
    }
}

/// The programs that root filesystems contain.
package struct Programs: Sendable {
    package var witness: FilePath
    package var busybox: FilePath

    package init(witness: FilePath, busybox: FilePath) {
        self.witness = witness
        self.busybox = busybox
    }
}

extension Recipe {
    /// Creates the files below a directory, with their parents.
    /// - Throws: `CaseError` with the path and the kernel's message.
    func make(below root: String, programs: Programs, _ placeholders: Placeholders) throws(CaseError) {
        for entry in entries {
            let path = root + "/" + entry.path.trimmingSlashes
            try makeDirectories(path.directoryPart)
            switch entry.content {
            case .nothing: try removeTree(path)
            case .directory: try makeDirectories(path)
            case .file(let text):
                unlink(path)
                try writeNew(path, try placeholders.expand(text), mode: 0o644)
            case .link(let target):
                unlink(path)
                try check(symlink(target, path), "make the link \(path)")
            case .fifo: try check(mkfifo(path, 0o644), "make the fifo \(path)")
            case .node(let kind, let major, let minor):
                let device = clinux_makedev(UInt32(major), UInt32(minor))
                let type = kind == "c" ? S_IFCHR : S_IFBLK
                try check(mknod(path, type | 0o666, dev_t(device)), "make the node \(path)")
            case .program(let name):
                unlink(path)
                let source = name == "witness" ? programs.witness : programs.busybox
                try copyFile(source.string, path, mode: 0o755)
            }
            if let uid = entry.uid, let gid = entry.gid {
                try check(lchown(path, uid_t(uid), gid_t(gid)), "change the owner of \(path)")
            }
            if let mode = entry.mode { try check(chmod(path, mode_t(mode)), "change the mode of \(path)") }
        }
    }
}

/// The root filesystem of every container: busybox with links for the usual commands, and the witness.
func makeRootfs(at root: String, programs: Programs) throws(CaseError) {
    for directory in ["bin", "dev", "etc", "home", "proc", "root", "run", "sys", "usr", "usr/bin", "var", "tmp"] {
        try makeDirectories(root + "/" + directory)
    }
    try check(chmod(root + "/tmp", 0o1777), "change the mode of \(root)/tmp")
    try linkOrCopy(programs.busybox.string, root + "/bin/busybox")
    try linkOrCopy(programs.witness.string, root + "/witness")
    for name in applets { try check(symlink("busybox", root + "/bin/" + name), "make the link /bin/\(name)") }
    try writeNew(
        root + "/etc/passwd", "root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000:user:/home/user:/bin/sh\n", mode: 0o644)
    try writeNew(root + "/etc/group", "root:x:0:\nuser:x:1000:\n", mode: 0o644)
}

private let applets = [
    "sh", "cat", "chmod", "chown", "cp", "date", "dd", "df", "cut", "echo", "env", "false", "grep", "head", "hostname",
    "id",
    "ip", "kill", "ln", "ls", "mkdir", "mknod", "mount", "mv", "nc", "nice", "printenv", "ps", "pwd", "readlink", "rm",
    "rmdir",
    "sed", "sleep", "sort", "stat", "stty", "sync", "tail", "test", "touch", "tr", "true", "tty", "ulimit", "umount",
    "uname", "wc", "whoami",
]

// Root file systems whose files appear under other ids: `uidmap=` and `gidmap=` among a mount's options. mount_setattr(2).

internal import CLinux
internal import Glibc
internal import Kernel

/// The maps of a user namespace, as containerd writes them: `CONTAINER:HOST:COUNT`, several separated by commas.
package struct MountIDMaps: Equatable, Sendable {
    /// The contents of `uid_map` and `gid_map`.
    package let users: String
    package let groups: String

    /// Nothing when the options ask for none.
    package init?(_ options: MountOptions) throws(ShimFailure) {
        if options.userMap == nil, options.groupMap == nil { return nil }
        guard let users = options.userMap, let groups = options.groupMap else {
            throw ShimFailure("mount options uidmap and gidmap need one another")
        }
        self.users = try Self.text("uidmap", users)
        self.groups = try Self.text("gidmap", groups)
    }

    /// Maps in the kernel's own words.
    init(users: String, groups: String) {
        self.users = users
        self.groups = groups
    }

    private static func text(_ key: String, _ value: String) throws(ShimFailure) -> String {
        var text = ""
        for part in value.split(at: ",", omittingEmptySubsequences: false) {
            let numbers = part.split(at: ":", omittingEmptySubsequences: false)
            guard numbers.count == 3, numbers.allSatisfy({ UInt32($0) != nil && $0.first != "+" }) else {
                throw ShimFailure("mount option \(key)=\(value): expected CONTAINER:HOST:COUNT")
            }
            text += numbers.joined(separator: " ") + "\n"
        }
        return text
    }

    /// A user namespace with these maps, which lives as long as the descriptor.
    func namespace() throws(ShimFailure) -> OwnedDescriptor {
        let newUserNamespace: UInt64 = 0x1000_0000  // CLONE_NEWUSER
        let holder = try during("make a user namespace") { () throws(Errno) in
            try checked { clinux_clone_waiting(newUserNamespace) }
        }
        defer {
            kill(holder, SIGKILL)
            // It has no signal for its parent, so that the reaper never sees it.
            let children: Int32 = 0x4000_0000  // __WALL
            while waitpid(holder, nil, children) < 0, errno == EINTR {}
        }
        let maps = "map ids \((users + groups).split(at: "\n").joined(separator: ", "))"
        try during(maps) { () throws(Errno) in
            try writeFile("/proc/\(holder)/uid_map", users)
            try writeFile("/proc/\(holder)/gid_map", groups)
        }
        return try during("open a user namespace") { () throws(Errno) in
            try OwnedDescriptor.open("/proc/\(holder)/ns/user", .readOnly)
        }
    }
}

/// Lays a copy of a mount, whose ids are mapped, on a directory.
func mountMapped(
    _ source: String, on target: String, in namespace: borrowing OwnedDescriptor, readOnly: Bool = false
) throws(ShimFailure) {
    let number = namespace.rawValue
    try during("map the ids of \(source)") { () throws(Errno) in
        let copy = try cloneMount(source, recursive: false)
        let change = AttributeChange(set: readOnly ? [.idMapped, .readOnly] : .idMapped)
        try changeMount(copy, change, userNamespace: number)
        let place = try OwnedDescriptor.open(target, .path)
        try attachMount(copy, on: place)
    }
}

/// The lower directories of an overlay, which takes no id map itself, mapped beside it until it is mounted.
struct MappedLayers: ~Copyable {
    let directory: String
    private(set) var options: [String] = []
    private var targets: [String] = []

    /// Maps each layer on a directory of its own below `directory`, which is made and goes again.
    init(_ data: [String], in directory: String, namespace: borrowing OwnedDescriptor) throws(ShimFailure) {
        self.directory = directory
        let key = "lowerdir="
        for word in data {
            guard word.hasPrefix(key) else {
                options.append(word)
                continue
            }
            for layer in word.dropFirst(key.count).split(at: ":") {
                let target = "\(directory)/\(targets.count)"
                try makeDirectories(target, mode: 0o700)
                targets.append(target)
                // Read-only: a program that finds it after a crash and removes it must not reach the layer.
                try mountMapped(String(layer), on: target, in: namespace, readOnly: true)
            }
            options.append(key + targets.joined(separator: ":"))
        }
    }

    deinit {
        for target in targets { Self.unmountLayer(target) }
        clinux_rmdir(directory)
    }

    private static func unmountLayer(_ target: String) {
        let detach: Int32 = 2  // MNT_DETACH
        _ = clinux_umount2(target, detach)
        clinux_rmdir(target)
    }

    /// Unmounts what a shim that was killed has left in such a directory.
    static func unmount(_ directory: String) {
        for name in names(inDirectory: directory) { unmountLayer(directory + "/" + name) }
        clinux_rmdir(directory)
    }
}

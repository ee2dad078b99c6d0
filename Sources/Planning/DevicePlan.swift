// The device nodes and links of /dev: the specification's defaults, then the devices of the config.

internal import Kernel
internal import OCISpec

/// One device node.
package struct DeviceStep: Equatable, Sendable {
    /// `S_IFCHR`, `S_IFBLK` or `S_IFIFO`.
    package enum Kind: UInt32, Sendable { case character = 0x2000, block = 0x6000, fifo = 0x1000 }
    /// The config's key; `default devices` for the specification's defaults.
    package var key: String
    package var path: String
    package var kind: Kind
    package var major: UInt32
    package var minor: UInt32
    package var mode: UInt32
    package var uid: UInt32
    package var gid: UInt32
    /// Whether the node is bound from the host: in a user namespace nodes cannot be created. mknod(2).
    package var isBound: Bool
    /// Whether the config sets mode, user and group; otherwise a bound device keeps the host's.
    package var asksForMode = false
    package var asksForUser = false
    package var asksForGroup = false
}

/// A symbolic link in /dev.
package struct DeviceLink: Equatable, Sendable {
    package var name: String
    package var target: String
    /// Whether a file of the image with this name is removed first.
    package var replaces: Bool
}

/// The nodes and links that are created in /dev after the mounts.
package struct DevicePlan: Equatable, Sendable {
    package var nodes: [DeviceStep] = []
    package var links: [DeviceLink] = []

    /// runtime-spec, config-linux.md, "Default Devices".
    private static let defaults: [(String, UInt32, UInt32)] = [
        ("null", 1, 3), ("zero", 1, 5), ("full", 1, 7), ("random", 1, 8), ("urandom", 1, 9), ("tty", 5, 0),
    ]
}

extension DevicePlan {
    init(_ linux: Linux, mounts: [MountStep], inUserNamespace: Bool) throws(InvalidSpec) {
        // A /dev that is bound from the host must not be changed.
        if mounts.contains(where: { $0.destination == "/dev" && $0.isBind }) { return }
        let asked = try linux.devices.enumerated().map { entry throws(InvalidSpec) in
            try DeviceStep(entry.element, key: "linux.devices[\(entry.offset)]", isBound: inUserNamespace)
        }
        // A device that a mount of the config covers is not created, as in runc and crun.
        let covered = Set(
            mounts.lazy.map { $0.destination }.filter { $0.path(below: "/dev") != nil }.map { ByteKey($0) })
        for (name, major, minor) in Self.defaults
        where !covered.contains(ByteKey("/dev/" + name)) && !asked.contains(where: { $0.path == "/dev/" + name }) {
            nodes.append(
                DeviceStep(
                    key: "default devices", path: "/dev/" + name, kind: .character, major: major, minor: minor,
                    mode: 0o666, uid: 0, gid: 0, isBound: inUserNamespace))
        }
        // The config cannot replace /dev/ptmx: it always belongs to the container.
        var paths = EarlierNames()
        for (index, step) in asked.enumerated() where step.path != "/dev/ptmx" && !covered.contains(ByteKey(step.path))
        {
            if let earlier = paths.place(of: step.path, at: index) {
                try Self.check(step, against: asked[earlier])
            } else {
                nodes.append(step)
            }
        }
        links = [
            DeviceLink(name: "fd", target: "/proc/self/fd", replaces: false),
            DeviceLink(name: "stdin", target: "/proc/self/fd/0", replaces: false),
            DeviceLink(name: "stdout", target: "/proc/self/fd/1", replaces: false),
            DeviceLink(name: "stderr", target: "/proc/self/fd/2", replaces: false),
            DeviceLink(name: "core", target: "/proc/kcore", replaces: false),
            DeviceLink(name: "ptmx", target: "pts/ptmx", replaces: true),
        ]
    }

    // runtime-spec, config-linux.md, "Devices": a path can stand for one device only.
    private static func check(_ step: DeviceStep, against earlier: DeviceStep) throws(InvalidSpec) {
        guard step.kind == earlier.kind, step.major == earlier.major, step.minor == earlier.minor else {
            throw InvalidSpec(
                keyPath: "\(step.key).path", problem: "\"\(step.path)\" is another device in \(earlier.key)")
        }
    }
}

extension DeviceStep {
    init(_ device: LinuxDevice, key: String, isBound: Bool) throws(InvalidSpec) {
        switch device.type {
        case "c", "u": kind = .character
        case "b": kind = .block
        case "p": kind = .fifo
        default:
            throw InvalidSpec(keyPath: "\(key).type", problem: "\"\(device.type)\" is none of c, u, b, p")
        }
        guard device.path.isAbsolutePath else {
            throw InvalidSpec(keyPath: "\(key).path", problem: "\"\(device.path)\" is not an absolute path")
        }
        self.key = key
        path = cleanPath(device.path)
        guard path != "/" else {
            throw InvalidSpec(keyPath: "\(key).path", problem: "the root itself cannot be a device")
        }
        // The kernel drops higher bits, so it would create another device. mknod(2), makedev(3).
        major = try Self.number(device.major, "\(key).major", isNeeded: kind != .fifo, most: 0xfff)
        minor = try Self.number(device.minor, "\(key).minor", isNeeded: kind != .fifo, most: 0xf_ffff)
        // Engines pass st_mode unchanged; its file type must not be mixed with the requested type.
        mode = (device.fileMode ?? 0o666) & 0o7777
        uid = try identity(device.uid ?? 0, "\(key).uid")
        gid = try identity(device.gid ?? 0, "\(key).gid")
        (asksForMode, asksForUser, asksForGroup) = (device.fileMode != nil, device.uid != nil, device.gid != nil)
        self.isBound = isBound && kind != .fifo
    }

    private static func number(
        _ value: Int64?, _ key: String, isNeeded: Bool, most: UInt32
    ) throws(InvalidSpec) -> UInt32 {
        // A FIFO has no numbers; the config's are ignored.
        if !isNeeded { return 0 }
        guard let value else { throw InvalidSpec(keyPath: key, problem: "is required") }
        guard let number = UInt32(exactly: value), number <= most else {
            throw InvalidSpec(keyPath: key, problem: "\(value) is not a valid device number")
        }
        return number
    }
}

extension MountStep {
    /// Whether the step binds a file or directory of the host.
    package var isBind: Bool {
        if case .bind = object { return true }
        return false
    }
}

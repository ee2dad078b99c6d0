// The names of mount attributes, propagation types and the flags of the mount calls.

/// Attributes of one mount: `MOUNT_ATTR_*` of mount_setattr(2).
package struct MountAttributes: OptionSet, Hashable, Sendable {
    package let rawValue: UInt64
    package init(rawValue: UInt64) { self.rawValue = rawValue }
    package init(arrayLiteral elements: Self...) { self.init(rawValue: elements.reduce(0) { $0 | $1.rawValue }) }

    package static let readOnly = Self(rawValue: 0x1)  // MOUNT_ATTR_RDONLY
    package static let noSuid = Self(rawValue: 0x2)  // MOUNT_ATTR_NOSUID
    package static let noDev = Self(rawValue: 0x4)  // MOUNT_ATTR_NODEV
    package static let noExec = Self(rawValue: 0x8)  // MOUNT_ATTR_NOEXEC
    package static let noAtime = Self(rawValue: 0x10)  // MOUNT_ATTR_NOATIME
    package static let strictAtime = Self(rawValue: 0x20)  // MOUNT_ATTR_STRICTATIME
    package static let atimeField = Self(rawValue: 0x70)  // MOUNT_ATTR__ATIME; zero in it is relatime
    package static let noDirAtime = Self(rawValue: 0x80)  // MOUNT_ATTR_NODIRATIME
    package static let idMapped = Self(rawValue: 0x10_0000)  // MOUNT_ATTR_IDMAP
    package static let noSymlinkFollow = Self(rawValue: 0x20_0000)  // MOUNT_ATTR_NOSYMFOLLOW
}

/// How mount events propagate between a mount and its peers: `MS_*` of mount(2), also accepted by mount_setattr(2).
package enum Propagation: UInt64, Sendable, Equatable {
    case unbindable = 0x2_0000  // MS_UNBINDABLE
    case `private` = 0x4_0000  // MS_PRIVATE
    case slave = 0x8_0000  // MS_SLAVE
    case shared = 0x10_0000  // MS_SHARED
}

/// The attributes to set and to clear on a mount; an attribute in neither set keeps its value.
package struct AttributeChange: Equatable, Sendable {
    package var set: MountAttributes = []
    package var clear: MountAttributes = []
    package init(set: MountAttributes = [], clear: MountAttributes = []) {
        self.set = set
        self.clear = clear
    }
    package var isEmpty: Bool { self.set.isEmpty && clear.isEmpty }

    /// Applies a later option; if two options contradict each other, the later one wins.
    package mutating func merge(_ later: AttributeChange) {
        // The access-time bits are one field with one value: the kernel refuses a combination of two values.
        if !later.set.isDisjoint(with: .atimeField) { self.set.subtract(.atimeField) }
        self.set.subtract(later.clear)
        clear.subtract(later.set)
        self.set.formUnion(later.set)
        clear.formUnion(later.clear)
    }
}

/// The magic numbers of statfs(2), for the filesystems whose type is checked.
package enum FilesystemMagic {
    package static let proc: Int64 = 0x9fa0
    package static let sysfs: Int64 = 0x6265_6572
    package static let devpts: Int64 = 0x1cd1
    package static let cgroup2: Int64 = 0x6367_7270
    package static let cgroup: Int64 = 0x27_e0eb
    package static let tmpfs: Int64 = 0x0102_1994
    package static let selinux: Int64 = 0xf97c_ff8c
}

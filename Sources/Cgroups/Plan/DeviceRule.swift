// One rule about the devices that a container may use, and its notation in cgroup v1.

/// Kinds of access; the bits are those of the kernel's BPF_DEVCG_ACC_*.
package struct DeviceAccess: OptionSet, Hashable, Sendable {
    package let rawValue: UInt32
    package init(rawValue: UInt32) { self.rawValue = rawValue }
    package init(arrayLiteral elements: Self...) { self.init(rawValue: elements.reduce(0) { $0 | $1.rawValue }) }

    package static let mknod = Self(rawValue: 1)
    package static let read = Self(rawValue: 2)
    package static let write = Self(rawValue: 4)
    package static let all: Self = [.mknod, .read, .write]

    /// The notation of cgroup v1 and systemd: `rwm`.
    package var letters: String {
        (contains(.read) ? "r" : "") + (contains(.write) ? "w" : "") + (contains(.mknod) ? "m" : "")
    }

    /// Whether it is a part of one of several, of which each is the bit of its number.
    func isPart(ofOneIn several: UInt8) -> Bool {
        (0..<8).contains { several & 1 << $0 != 0 && $0 & rawValue == rawValue }
    }
}

/// One rule for devices of one kind; a nil number matches every number.
package struct DeviceRule: Equatable, Sendable {
    /// The kinds of device nodes; the numbers are those of the kernel's BPF_DEVCG_DEV_*.
    package enum Kind: UInt32, Sendable {
        case block = 1
        case character = 2

        /// The notation of cgroup v1.
        package var letter: String { self == .block ? "b" : "c" }
    }

    package var allow: Bool
    package var kind: Kind
    package var major: UInt32?
    package var minor: UInt32?
    package var access: DeviceAccess

    package init(allow: Bool, _ kind: Kind, _ major: UInt32?, _ minor: UInt32?, _ access: DeviceAccess) {
        self.allow = allow
        self.kind = kind
        self.major = major
        self.minor = minor
        self.access = access
    }

    /// The notation of cgroup v1: `c 1:* rwm`.
    package var text: String { "\(node) \(access.letters)" }

    /// The rule's devices: `c 1:*`.
    var node: String { "\(kind.letter) \(major.map(String.init) ?? "*"):\(minor.map(String.init) ?? "*")" }
}

// The rights of a process, compared with a process that can trace it and so make it do anything.

internal import Glibc

/// The rights of a process.
struct Strength {
    private let userNamespace: UInt64?
    private let users: Set<UInt32>
    private let permitted: UInt64
    /// The capabilities that a program file could give.
    private let bounding: UInt64

    /// - Returns: nil for a process that has ended.
    init?(of pid: Int32) {
        guard let status = text("/proc/\(pid)/status") else { return nil }
        func field(_ name: String) -> [Substring] {
            let line = status.split(separator: "\n").first { $0.hasPrefix(name + ":") } ?? ""
            return line.split(whereSeparator: \.isWhitespace).dropFirst().map { $0 }
        }
        guard let permitted = field("CapPrm").first.flatMap({ UInt64($0, radix: 16) }),
            let bounding = field("CapBnd").first.flatMap({ UInt64($0, radix: 16) })
        else { return nil }
        users = Set(field("Uid").compactMap { UInt32($0) })
        self.permitted = permitted
        self.bounding = bounding
        userNamespace = namespace("user", of: pid)
    }

    /// The rights of this process that the other lacks; empty if it is no stronger.
    func excess(over other: Strength) -> [String] {
        guard userNamespace == other.userNamespace else {
            // Capabilities hold in a user namespace and those below it. The observer's own is above all others.
            let isAbove = userNamespace == namespace("user", of: getpid())
            return isAbove && permitted != 0 ? ["capabilities over the host"] : []
        }
        var found: [String] = []
        let more = permitted & ~other.permitted
        if more != 0 { found.append("the capabilities \(String(more, radix: 16))") }
        let further = bounding & ~other.bounding & ~other.permitted
        if further != 0, more == 0 { found.append("a bounding set with \(String(further, radix: 16))") }
        if users.contains(0), !other.users.contains(0) { found.append("root's number") }
        return found
    }
}

// The host's users by number. The C library would load modules to look a name up, which a static program does not have.

internal import Kernel

/// The names of the host's users. The file is read once, and only if a name is asked for: a list may have thousands of
/// rows.
struct HostUsers {
    private var names: [UInt32: String]?

    /// The name of a user, `#uid` for one without.
    mutating func name(of uid: UInt32) -> String { find(uid) ?? "#\(uid)" }

    /// The name of a user; nil for one without.
    mutating func find(_ uid: UInt32) -> String? {
        let known = names ?? Self.read()
        names = known
        return known[uid]
    }

    // By passwd(5) the first line with a number counts.
    private static func read() -> [UInt32: String] {
        var names: [UInt32: String] = [:]
        do throws(Errno) {
            for line in try readText("/etc/passwd").split(at: "\n") {
                let fields = line.split(at: ":", maxSplits: 3, omittingEmptySubsequences: false)
                guard fields.count > 2, let uid = UInt32(fields[2]), names[uid] == nil else { continue }
                names[uid] = String(fields[0])
            }
        } catch {}
        return names
    }
}

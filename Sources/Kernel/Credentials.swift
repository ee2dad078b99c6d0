// The user and group ids of a process.

internal import CLinux
internal import Glibc

/// Replaces the supplementary groups. setgroups(2).
package func setGroups(_ groups: [UInt32]) throws(Errno) {
    try checked { unsafe clinux_setgroups(groups.count, groups) }
}

/// Sets real, effective and saved group id. setresgid(2).
package func setGroup(_ gid: UInt32) throws(Errno) { try checked { clinux_setresgid(gid) } }

/// Sets real, effective and saved user id. setresuid(2).
package func setUser(_ uid: UInt32) throws(Errno) { try checked { clinux_setresuid(uid) } }

/// The home directory of a user id according to the content of an /etc/passwd; nil if the user is not listed.
/// passwd(5).
package func homeDirectory(of uid: UInt32, passwd bytes: [UInt8]) -> String? {
    let wanted = Array(String(uid).utf8)
    for line in bytes.split(separator: UInt8(ascii: "\n")) {
        let fields = line.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
        if fields.count >= 7, fields[2].elementsEqual(wanted), !fields[5].isEmpty {
            return unsafe RawText.text(fields[5].map { CChar(bitPattern: $0) } + [0])
        }
    }
    return nil
}

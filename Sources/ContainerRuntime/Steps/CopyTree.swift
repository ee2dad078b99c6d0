// Copying a directory's content into a new filesystem, for `tmpcopyup`: data, modes, owners, links and xattrs.

internal import CLinux
internal import Glibc
internal import Kernel
internal import Planning

/// Copies everything in one directory into another; both are walked by descriptors, links are copied as links.
///
/// `given` are parameters of the new filesystem: its mode and owner stay where they say so.
func copyTree(
    from source: borrowing OwnedDescriptor, to target: borrowing OwnedDescriptor, given: [MountStep.Parameter] = []
) throws(Errno) {
    let readable = try OwnedDescriptor.open(".", .readOnly | .directory, at: source.rawValue)
    let writable = try OwnedDescriptor.open(".", .readOnly | .directory, at: target.rawValue)
    try copyFacts(from: readable.rawValue, to: writable.rawValue, try fileStatus(readable.rawValue), given: given)
    for entry in try directoryEntries(readable.rawValue) {
        try copyEntry(entry.name, from: readable.rawValue, to: writable.rawValue)
    }
}

private func copyEntry(_ name: String, from source: Int32, to target: Int32) throws(Errno) {
    let status = try fileStatus(at: name, in: source, followLinks: false)
    switch status.mode & S_IFMT {
    case S_IFDIR:
        try checked { clinux_mkdirat(target, name, 0o700) }
        let below = try OwnedDescriptor.open(name, .path | .directory | .noFollow, at: source)
        let copy = try OwnedDescriptor.open(name, .path | .directory | .noFollow, at: target)
        try copyTree(from: below, to: copy)
    case S_IFREG:
        let from = try openRegular(name, at: source, followLinks: false)
        let to = try OwnedDescriptor.open(name, .writeOnly | .create | .exclusive | .noFollow, mode: 0o600, at: target)
        try copyContent(from: from.rawValue, to: to.rawValue)
        try copyFacts(from: from.rawValue, to: to.rawValue, status)
    case S_IFLNK:
        let link = try readLink(source, name)
        try checked { clinux_symlinkat(link, target, name) }
        try checked { clinux_fchownat(target, name, status.uid, status.gid, AT_SYMLINK_NOFOLLOW) }
    default:
        try checked { clinux_mknodat(target, name, status.mode, dev_t(status.special)) }
        try checked { clinux_fchownat(target, name, status.uid, status.gid, AT_SYMLINK_NOFOLLOW) }
        try checked { clinux_fchmodat(target, name, status.mode & 0o7777) }
    }
}

private func copyContent(from source: Int32, to target: Int32) throws(Errno) {
    var buffer = [UInt8](repeating: 0, count: 64 << 10)
    while true {
        let length = try checked { buffer.withUnsafeMutableBytes { read(source, $0.baseAddress, $0.count) } }
        if length == 0 { return }
        try writeAll(buffer[..<length], to: target)
    }
}

private func copyFacts(
    from source: Int32, to target: Int32, _ status: FileStatus, given: [MountStep.Parameter] = []
) throws(Errno) {
    func isGiven(_ name: String) -> Bool { given.contains { $0.name == name } }
    let unchanged = ~uid_t(0)
    let uid = isGiven("uid") ? unchanged : status.uid
    let gid = isGiven("gid") ? unchanged : status.gid
    try checked { fchown(target, uid, gid) }
    if !isGiven("mode") { try checked { fchmod(target, status.mode & 0o7777) } }
    try copyAttributes(from: source, to: target)
}

// An attribute the new filesystem has no place for is left behind: the content counts more.
private func copyAttributes(from source: Int32, to target: Int32) throws(Errno) {
    var names = [CChar](repeating: 0, count: 64 << 10)
    let length = names.withUnsafeMutableBufferPointer { clinux_flistxattr(source, $0.baseAddress, $0.count) }
    guard length > 0 else { return }
    var value = [UInt8](repeating: 0, count: 64 << 10)
    for name in names[..<length].split(separator: 0) {
        let text = Array(name) + [0]
        let size = value.withUnsafeMutableBytes { clinux_fgetxattr(source, text, $0.baseAddress, $0.count) }
        guard size >= 0 else { continue }
        _ = value.withUnsafeBytes { clinux_fsetxattr(target, text, $0.baseAddress, size, 0) }
    }
}

// Empties a directory that other processes may write to.

internal import CLinux
internal import Glibc

/// Removes everything in a directory, by descriptors and without following links; the directory itself stays.
///
/// The depth of the tree does not matter: a directory's entries are moved up before it is removed, so at most two are
/// open at once.
/// - Parameter spared: the name of an entry that stays.
/// - Throws: the first refusal; `EXDEV` for a mount below, whose files are not the directory's. An entry that vanishes
///   meanwhile is not an error.
package func removeContents(of directory: Int32, sparing spared: String = "") throws(Errno) {
    var moved = 0
    while true {
        try checked { lseek(directory, 0, SEEK_SET) }
        let entries = try directoryEntries(directory).filter { $0.name != spared }
        if entries.isEmpty { return }
        for entry in entries {
            do throws(Errno) {
                try remove(entry, from: directory, &moved)
            } catch {
                guard error == .notPermitted, makeMutable(directory, entry.name) else { throw error }
                try remove(entry, from: directory, &moved)
            }
        }
    }
}

private func remove(_ entry: DirectoryEntry, from directory: Int32, _ moved: inout Int) throws(Errno) {
    let name = entry.name
    do throws(Errno) {
        try checked { unsafe clinux_unlinkat(directory, name, 0) }
        return
    } catch {
        if error == .noSuchFileOrDirectory { return }
        guard error == .isDirectory || error == .notPermitted && entry.isDirectory else { throw error }
    }
    let child = try unsafe openBelow(
        directory, name, .readOnly | .directory | .noFollow, resolving: [.noCrossingMounts, .noSymlinks])
    let number = child.rawValue
    for inner in try directoryEntries(number) {
        let below = inner.name
        if inner.isDirectory {
            try moveUp(below, from: number, to: directory, &moved)
            continue
        }
        do throws(Errno) {
            try checked { unsafe clinux_unlinkat(number, below, 0) }
        } catch {
            guard error == .notPermitted, makeMutable(number, below) else { throw error }
            try checked { unsafe clinux_unlinkat(number, below, 0) }
        }
    }
    try checked { unsafe clinux_unlinkat(directory, name, AT_REMOVEDIR) }
}

private func moveUp(_ name: String, from source: Int32, to target: Int32, _ moved: inout Int) throws(Errno) {
    let noReplace: UInt32 = 1  // RENAME_NOREPLACE
    while true {
        moved += 1
        do throws(Errno) {
            try checked { unsafe clinux_renameat2(source, name, target, ".moved-\(moved)", noReplace) }
            return
        } catch {
            if error == .fileExists { continue }
            guard error == .notPermitted, makeMutable(source, name) else { throw error }
        }
    }
}

// Files that are immutable or append-only cannot be removed, and neither can entries of such a directory.
// ioctl_iflags(2). Only regular files and directories have these flags, so no device or FIFO is opened.
private func makeMutable(_ directory: Int32, _ name: String) -> Bool {
    do throws(Errno) {
        var changed = try clearFlags(directory)
        let place = try unsafe OwnedDescriptor.open(name, .path | .noFollow, at: directory)
        let status = try fileStatus(place.rawValue)
        guard status.isRegular || status.isDirectory else { return changed }
        let file = try unsafe OwnedDescriptor.open(name, .readOnly | .noFollow | .nonBlocking, at: directory)
        if try clearFlags(file.rawValue) { changed = true }
        return changed
    } catch {
        return false
    }
}

private func clearFlags(_ file: Int32) throws(Errno) -> Bool {
    var flags: Int32 = 0
    let (immutable, appendOnly): (Int32, Int32) = (0x10, 0x20)  // FS_IMMUTABLE_FL, FS_APPEND_FL
    guard unsafe clinux_file_flags(file, &flags) == 0, flags & (immutable | appendOnly) != 0 else { return false }
    try checked { clinux_set_file_flags(file, flags & ~(immutable | appendOnly)) }
    return true
}

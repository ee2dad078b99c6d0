// Removing the container's cgroup, from its location alone and as often as one likes.

internal import CLinux
internal import Glibc
internal import Kernel
internal import SystemPackage

extension Cgroup {
    /// Removes the container's directories and those made below them, and stops the systemd unit.
    ///
    /// What is gone already is no error; directories above stay, for we may share them. All are tried before it throws.
    /// - Throws: the first directory that could not be removed, because processes are still in it or for want of rights.
    package func remove() throws(CgroupFailure) {
        var first: CgroupFailure?
        if location.driver == .systemd {
            do throws(CgroupFailure) { try stopUnit() } catch { first = error }
        }
        for directory in location.directories where directory.path != "/" {
            do throws(CgroupFailure) { try remove(directory) } catch { first = first ?? error }
        }
        if let first { throw first }
    }

    private func remove(_ directory: CgroupDirectory) throws(CgroupFailure) {
        var delay = 1_000
        for attempt in 0...10 {
            do throws(Errno) {
                if attempt == 0 {
                    // Nearly always there is nothing below.
                    try checked { Glibc.rmdir(directory.fullPath) }
                } else {
                    let mount = try openMount(directory)
                    try removeTree(relative(directory.path), at: mount)
                }
                return
            } catch Errno.noSuchFileOrDirectory {
                return
            } catch Errno.notDirectory {
                return
            } catch {
                if error == .readOnlyFileSystem, (try? processes(in: directory, or: [])) == [] { return }
                guard error == .resourceBusy, attempt < 10 else {
                    throw CgroupFailure("remove cgroup \(directory.fullPath)", error)
                }
                // A process that was just killed takes a moment to leave. The first retry is for directories below.
                if attempt > 0 {
                    pause(microseconds: delay)
                    delay = min(delay * 2, 128_000)
                }
            }
        }
    }

    /// Removes a directory after all that are below it.
    private func removeTree(_ name: String, at parent: borrowing OwnedDescriptor) throws(Errno) {
        let confined: UInt64 = 0x01 | 0x02 | 0x04 | 0x08
        let flags: OpenFlags = .directory | .closeOnExec
        let number = parent.rawValue
        let own = OwnedDescriptor(
            adopting: try checked { clinux_openat2(number, name, UInt64(flags.rawValue), 0, confined) })
        for child in try subdirectories(of: own) {
            do throws(Errno) { try removeTree(child, at: own) } catch Errno.noSuchFileOrDirectory { continue }
        }
        try checked { Glibc.unlinkat(number, name, AT_REMOVEDIR) }
    }
}

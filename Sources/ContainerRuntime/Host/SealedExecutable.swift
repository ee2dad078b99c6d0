// The runtime's own binary, out of reach of what it starts. CVE-2019-5736.

internal import CLinux
internal import Glibc
internal import Kernel

/// Executes this program again from a place that cannot be written, unless it runs from sealed memory already. The
/// caller has found that it does not run from a clone: a read-only mount of the host may become writable.
///
/// A process that executes `/proc/self/exe` inside a container reaches the runtime's file (CVE-2019-5736). From here on
/// that is a file on a detached, read-only clone of the binary's mount or, if the kernel refuses such clones, in sealed
/// memory.
package func sealExecutable() throws(Failure) {
    let own = "/proc/self/exe"
    do throws(Errno) {
        if try filesystem(at: own).magic == FilesystemMagic.tmpfs, try isSealed(own) { return }
        let clone = try sealedClone(own)
        let asDescriptor: Int32 = 0x1000  // AT_EMPTY_PATH
        let number = clone.rawValue
        // The program that is executed does not know that it was raised.
        restoreDescriptorLimit()
        do throws(Errno) {
            try checked { clinux_execveat(number, "", clinux_arguments(), clinux_environ(), asDescriptor) }
        } catch {
            // A seccomp profile may know execve alone. The name is that by which the program knows that it was executed by a
            // descriptor.
            guard error == .noFunction || error == .notPermitted else { throw error }
            _ = clinux_execve("/dev/fd/\(number)", clinux_arguments(), clinux_environ())
            throw error
        }
    } catch {
        throw Failure("protect the runtime's own binary", error)
    }
}

private let allSeals = 0xf  // F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE

private func isSealed(_ path: String) throws(Errno) -> Bool {
    let file = try OwnedDescriptor.open(path)
    let seals = clinux_fcntl(file.rawValue, 1034, 0)  // F_GET_SEALS; no file but a memfd has any
    return seals >= 0 && Int(seals) & allSeals == allSeals
}

private func sealedClone(_ path: String) throws(Errno) -> OwnedDescriptor {
    do throws(Errno) {
        let clone = try cloneMount(path, recursive: false)
        try changeMount(clone, AttributeChange(set: .readOnly))
        return clone
    } catch {
        guard error == .notPermitted || error == .noFunction || error == .invalidArgument else { throw error }
        return try sealedMemory(path)
    }
}

private func sealedMemory(_ path: String) throws(Errno) -> OwnedDescriptor {
    let file = try OwnedDescriptor.open(path)
    let closeOnExecAndSealable: UInt32 = 3
    let executable: UInt32 = 0x10  // MFD_EXEC, since Linux 6.3
    let copy: OwnedDescriptor
    let number = clinux_memfd_create("swiftrun", closeOnExecAndSealable | executable)
    copy = OwnedDescriptor(
        adopting: number >= 0
            ? number : try checked { clinux_memfd_create("swiftrun", closeOnExecAndSealable) })
    let (from, to) = (file.rawValue, copy.rawValue)
    var length = 1
    while length > 0 {
        length = try checked { sendfile(to, from, nil, 1 << 30) }
    }
    try checked { clinux_fcntl(to, 1033, allSeals) }  // F_ADD_SEALS
    return copy
}

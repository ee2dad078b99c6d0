// Which mounts of a container `mounts add` has made: its root may have taken them away since, and put others there.

internal import Kernel

extension ContainerDirectory {
    // A line for each: the mount's number, the device and the inode of its root, and a dot, for a disk may become full in
    // the midst of it.
    private static let addedMountsName = "mounts"

    /// Remembers a mount that is about to be attached.
    borrowing func rememberMount(_ mount: MountIdentity) throws(Failure) {
        let number = descriptor.rawValue
        try during("write \(path)/\(Self.addedMountsName)") { () throws(Errno) in
            let file = try OwnedDescriptor.open(
                Self.addedMountsName, .writeOnly | .create | .append | .noFollow, mode: 0o600, at: number)
            try writeAll(mount.line.utf8, to: file.rawValue)
        }
    }

    /// The mounts that have been added, and were not removed by us.
    borrowing func addedMounts() throws(Failure) -> [MountIdentity] {
        let number = descriptor.rawValue
        let text = try during("read \(path)/\(Self.addedMountsName)") { () throws(Errno) -> String in
            do throws(Errno) {
                let file = try OwnedDescriptor.open(Self.addedMountsName, .noFollow | .nonBlocking, at: number)
                return String(decoding: try readAll(file.rawValue), as: UTF8.self)
            } catch {
                guard error == .noSuchFileOrDirectory else { throw error }
                return ""
            }
        }
        // An incomplete line belongs to a mount that was never attached.
        return text.split(separator: "\n").compactMap(MountIdentity.init)
    }

    /// Forgets mounts that are gone: where the kernel uses numbers again, another could be taken for them.
    borrowing func forgetMounts(_ mounts: Set<MountIdentity>) throws(Failure) {
        let rest = try addedMounts().filter { !mounts.contains($0) }
        try write(Self.addedMountsName, Array(rest.map { $0.line }.joined().utf8))
    }
}

extension MountIdentity {
    fileprivate var line: String { "\n\(number) \(device) \(inode) ." }

    fileprivate init?(_ line: Substring) {
        let fields = line.split(separator: " ")
        guard fields.count == 4, let number = UInt64(fields[0]), let device = UInt64(fields[1]),
            let inode = UInt64(fields[2])
        else { return nil }
        self.init(number: number, device: device, inode: inode)
    }
}

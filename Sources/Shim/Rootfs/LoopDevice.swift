// A file that is mounted as if it were a disk. loop(4)

internal import CLinux
internal import Glibc
internal import Kernel

/// A loop device with a file behind it.
///
/// It is free again when its last user goes: this value, or the mount that was made of it meanwhile. So nothing that
/// fails, and no end of ours, leaves one behind.
final class LoopDevice {
    let path: String
    private let device: OwnedDescriptor

    /// - Parameter isDirect: whether it reads past the page cache of the file, where its file system can.
    init(_ file: String, isReadOnly: Bool, isDirect: Bool = false) throws(ShimFailure) {
        let backing = try during("open \(file)") { () throws(Errno) in
            try OwnedDescriptor.open(file, [isReadOnly ? .readOnly : .readWrite, .nonBlocking])
        }
        let control = try during("open /dev/loop-control") { () throws(Errno) in
            try OwnedDescriptor.open("/dev/loop-control", .readWrite)
        }
        var configuration = Self.configuration(backing.rawValue, file, isReadOnly: isReadOnly, isDirect: isDirect)
        // Between the question for a free device and its use, another program may take it.
        for _ in 0..<64 {
            let number = try during("find a free loop device") { () throws(Errno) in
                try checked { clinux_ioctl_value(control.rawValue, Self.getFree, 0) }
            }
            let path = "/dev/loop\(number)"
            let device = try during("open \(path)") { () throws(Errno) in
                try OwnedDescriptor.open(path, isReadOnly ? .readOnly : .readWrite)
            }
            let result = configuration.withUnsafeMutableBytes {
                clinux_ioctl(device.rawValue, Self.configure, $0.baseAddress)
            }
            if result == 0 {
                self.path = path
                self.device = device
                return
            }
            let code = Errno(rawValue: errno)
            if code != .resourceBusy { throw ShimFailure("put \(file) behind \(path)", code) }
        }
        throw ShimFailure("put \(file) behind a loop device", .resourceBusy)
    }

    private static let getFree: UInt = 0x4c82  // LOOP_CTL_GET_FREE
    private static let configure: UInt = 0x4c0a  // LOOP_CONFIGURE

    /// `struct loop_config` of linux/loop.h: the file, the block size, and a `struct loop_info64`.
    private static func configuration(_ file: Int32, _ name: String, isReadOnly: Bool, isDirect: Bool) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: 304)
        let readOnly: UInt32 = 1  // LO_FLAGS_READ_ONLY
        let autoClear: UInt32 = 4  // LO_FLAGS_AUTOCLEAR
        let directIO: UInt32 = 16  // LO_FLAGS_DIRECT_IO
        bytes.withUnsafeMutableBytes { buffer in
            buffer.storeBytes(of: file, as: Int32.self)
            let flags = autoClear | (isReadOnly ? readOnly : 0) | (isDirect ? directIO : 0)
            buffer.storeBytes(of: flags, toByteOffset: 60, as: UInt32.self)
        }
        // lo_file_name has room for 64 bytes, the last of them zero.
        for (index, byte) in name.utf8.prefix(63).enumerated() { bytes[64 + index] = byte }
        return bytes
    }
}

// Reading files that others have made: a FIFO in the place of one would hold the shim.

internal import Kernel

/// The content of a regular file.
func readRegularFile(_ path: String) throws(ShimFailure) -> [UInt8] {
    let file = try during("open \(path)") { () throws(Errno) in
        try OwnedDescriptor.open(path, [.readOnly, .nonBlocking, .noControllingTerminal])
    }
    let status = try during("look at \(path)") { () throws(Errno) in try fileStatus(file.rawValue) }
    if status.isDirectory { throw ShimFailure("open \(path)", .isDirectory) }
    guard status.isRegular else {
        throw ShimFailure("open \(path): it is \(status.otherKind ?? "a directory"), no file")
    }
    return try during("read \(path)") { () throws(Errno) in try readAll(file.rawValue) }
}

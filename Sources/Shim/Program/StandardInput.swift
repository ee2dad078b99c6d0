// The message that containerd writes to the standard input of a shim's command.

internal import Glibc
internal import Kernel

extension StartRequest {
    /// Reads standard input to its end, which must come soon: a caller that forgets to close it would wait for us.
    static func readInput() throws(ShimFailure) -> [UInt8] {
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 4096)
        while true {
            var side = pollfd(fd: STDIN_FILENO, events: Int16(POLLIN), revents: 0)
            let patience: Int32 = 10_000
            if poll(&side, 1, patience) == 0 {
                throw ShimFailure("read standard input: no end of it within 10 seconds")
            }
            let count = try during("read standard input") { () throws(Errno) in
                try checked { read(STDIN_FILENO, &buffer, buffer.count) }
            }
            if count == 0 { return bytes }
            bytes += buffer[..<count]
            if bytes.count > longest { throw ShimFailure("read standard input: more than \(longest) bytes") }
        }
    }
}

// The network namespace of a restored container: CRIU makes it empty, and what CRIU forgets is set again.

internal import CLinux
internal import Glibc
internal import Kernel
internal import Planning

/// Raises the loopback device and writes the kernel parameters of a network namespace that has just been made.
/// - Parameter pid: a process in it.
func setUpNetwork(of pid: Int32, _ parameters: [Sysctl]) throws(Failure) {
    let there = try during("open /proc/\(pid)/ns/net") { () throws(Errno) in
        try OwnedDescriptor.open("/proc/\(pid)/ns/net")
    }
    try inNetworkNamespace(there.rawValue) { () throws(Failure) in
        try during("bring up the loopback device") { () throws(Errno) in try raiseLoopback() }
        for parameter in parameters where parameter.namespace == .network {
            // /proc/sys/net shows the reader's own network namespace.
            try during("linux.sysctl.\(parameter.name): write \"\(parameter.value)\"") { () throws(Errno) in
                try writeFile("/proc/sys/" + parameter.path, parameter.value)
            }
        }
    }
}

/// Brings up the loopback device of the caller's network namespace.
///
/// A program expects 127.0.0.1, and in a new namespace the device is down. Any socket will do (netdevice(7)); one of
/// AF_INET is refused where a service manager restricts the families, as systemd's RestrictAddressFamilies does.
func raiseLoopback() throws(Errno) {
    let socket = OwnedDescriptor(
        adopting: try checked { Glibc.socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue) | CLINUX_SOCK_CLOEXEC, 0) })
    // struct ifreq: the name in 16 bytes, then the flags IFF_UP and IFF_RUNNING. netdevice(7).
    var request = [UInt8](repeating: 0, count: 40)
    request[0] = UInt8(ascii: "l")
    request[1] = UInt8(ascii: "o")
    request[16] = 0x41
    let number = socket.rawValue
    let setFlags: UInt = 0x8914  // SIOCSIFFLAGS
    try checked { request.withUnsafeBytes { clinux_ioctl(number, setFlags, $0.baseAddress) } }
}

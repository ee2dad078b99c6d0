// CRIU's lock of a network namespace: firewall rules that drop all traffic, so that peers do not notice the end of
// connections. The rules stay after a dump that ends the container (criu#2828), and after a kill of CRIU.

internal import CLinux
internal import Glibc
internal import Kernel

/// A network namespace that CRIU locks with iptables, kept open beyond the end of its processes.
struct NetworkLock: ~Copyable {
    private let namespace: OwnedDescriptor

    init(of pid: Int32) throws(Failure) {
        namespace = try during("open /proc/\(pid)/ns/net") { () throws(Errno) in
            try OwnedDescriptor.open("/proc/\(pid)/ns/net")
        }
    }

    /// Undoes what CRIU's iptables_network_lock_internal does.
    /// - Throws: IPv4 stays locked; of IPv6 CRIU does not lock what the kernel has not.
    borrowing func remove() throws(Failure) {
        let rules = "*filter\n:CRIU - [0:0]\n-D INPUT -j CRIU\n-D OUTPUT -j CRIU\n-X CRIU\nCOMMIT\n"
        try inNetworkNamespace(namespace.rawValue) { () throws(Failure) in
            do throws(Failure) { try restore("ip6tables-restore", rules) } catch {}
            try restore("iptables-restore", rules)
        }
    }

    private borrowing func restore(_ program: String, _ rules: String) throws(Failure) {
        guard let path = findInPath(program) else { throw Failure(.other, "\(program) not found in $PATH") }
        try runProgram(path, [program, "-w", "--noflush"], input: Array(rules.utf8), seconds: 10)
    }
}

/// Runs a body in another network namespace.
func inNetworkNamespace(_ namespace: Int32, _ body: () throws(Failure) -> Void) throws(Failure) {
    let own = try during("open /proc/self/ns/net") { () throws(Errno) in try OwnedDescriptor.open("/proc/self/ns/net") }
    try during("join the container's network namespace") { () throws(Errno) in
        try joinNamespaces(namespace, NamespaceSet(.network))
    }
    var failure: Failure?
    do throws(Failure) { try body() } catch { failure = error }
    try during("leave the container's network namespace") { () throws(Errno) in
        try joinNamespaces(own.rawValue, NamespaceSet(.network))
    }
    if let failure { throw failure }
}

// A network namespace that is made while the caller goes on.

internal import CLinux

/// A network namespace that a second thread makes: the kernel takes half a millisecond for it, an eighth of `run`.
///
/// A process may have one at a time. One that is not finished takes a thread and a descriptor until the process ends.
/// network_namespaces(7).
package struct NetworkNamespace: ~Copyable {
    /// Begins to make one, in the caller's user namespace.
    package init() throws(Errno) { try checked { clinux_begin_network_namespace() } }

    /// The namespace, when it is made.
    /// - Throws: the error of unshare(2) or of the way to it through /proc.
    package consuming func finish() throws(Errno) -> OwnedDescriptor {
        OwnedDescriptor(adopting: try checked { clinux_end_network_namespace() })
    }
}

// Whether the runtime is root of the host, or of a user namespace only.

internal import Glibc
internal import Kernel

/// Whether the runtime has root's rights over the host. User id 0 alone does not mean that: root of a user namespace,
/// as which rootless engines start their runtimes, has it too. user_namespaces(7).
package func isRootOfHost() -> Bool { geteuid() == 0 && isInInitialUserNamespace() }

// What every operation needs: where containers are remembered, and how cgroups are made.

package import Cgroups
internal import Glibc
internal import Kernel

/// A runtime with its options; the operations are in the files that are named after them.
package struct Runtime: Sendable {
    /// What a caller is told without an error: warnings and debug messages.
    package typealias Note = @Sendable (_ level: NoteLevel, _ text: String) -> Void
    package enum NoteLevel: Sendable { case warning, debug }

    package private(set) var store: StateStore
    package var cgroupDriver: CgroupDriver
    /// Whether cgroups that cannot be changed are done without; nil leaves it to who the runtime is: `--rootless`.
    package var toleratesCgroupRefusals: Bool?
    /// The name the program was called by, for messages that engines match on.
    package var note: Note
    /// Whether somebody reads warnings: what is looked for only to warn of it is not looked for otherwise.
    package var tellsWarnings = true

    package init(
        root: String, cgroupDriver: CgroupDriver, toleratesCgroupRefusals: Bool? = nil, note: @escaping Note
    ) {
        store = StateStore(root: root)
        self.cgroupDriver = cgroupDriver
        self.toleratesCgroupRefusals = toleratesCgroupRefusals
        self.note = note
    }

    /// The same runtime, for a container that is named by its bundle: it refuses one of another bundle.
    package func expecting(_ bundle: BundlePath?) -> Runtime {
        var runtime = self
        runtime.store.bundle = bundle
        return runtime
    }
}

extension Runtime {
    /// Takes a warning; nil when nobody reads it.
    var warn: ((String) -> Void)? { tellsWarnings ? { note(.warning, $0) } : nil }

    /// Whether a cgroup that cannot be made or changed is done without, where the config asks nothing of it.
    func toleratesRefusals() -> Bool { toleratesCgroupRefusals ?? !isRootOfHost() }
}

/// Whether the runtime has root's rights over the host. User id 0 alone says little: root of a user namespace, as rootless
/// engines start their runtimes, has that too. user_namespaces(7).
package func isRootOfHost() -> Bool { geteuid() == 0 && isInInitialUserNamespace() }

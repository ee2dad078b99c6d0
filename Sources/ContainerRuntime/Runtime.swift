// The options of every operation: the state directories, and the way to make cgroups.

package import Cgroups
internal import Glibc
internal import Kernel

/// A runtime with its options; the operations are in the files that are named after them.
package struct Runtime: Sendable {
    /// Receives messages that are not errors: warnings and debug messages.
    package typealias Note = @Sendable (_ level: NoteLevel, _ text: String) -> Void
    package enum NoteLevel: Sendable { case warning, debug }

    package private(set) var store: StateStore
    package var cgroupDriver: CgroupDriver
    /// Whether to continue without cgroups that cannot be changed (`--rootless`); nil decides by the runtime's rights.
    package var toleratesCgroupRefusals: Bool?
    /// The name the program was called by, for messages that engines match on.
    package var note: Note
    /// Whether a warning has a reader: checks that serve only warnings are left out otherwise.
    package var tellsWarnings = true
    /// Receives the end of each step (`--timings`, `--debug`).
    package var timings: Timings?

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
    /// Receives a warning; nil without a reader.
    var warn: ((String) -> Void)? { tellsWarnings ? { note(.warning, $0) } : nil }

    /// Whether to continue without a cgroup that cannot be made or changed, if the config needs none.
    func toleratesRefusals() -> Bool { toleratesCgroupRefusals ?? !isRootOfHost() }
}

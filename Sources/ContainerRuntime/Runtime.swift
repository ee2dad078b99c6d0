// What every operation needs: where containers are remembered, and how cgroups are made.

package import Cgroups
internal import Kernel

/// A runtime with its options; the operations are in the files that are named after them.
package struct Runtime: Sendable {
    /// What a caller is told without an error: warnings and debug messages.
    package typealias Note = @Sendable (_ level: NoteLevel, _ text: String) -> Void
    package enum NoteLevel: Sendable { case warning, debug }

    package let store: StateStore
    package var cgroupDriver: CgroupDriver
    /// The name the program was called by, for messages that engines match on.
    package var note: Note

    package init(root: String, cgroupDriver: CgroupDriver, note: @escaping Note) {
        store = StateStore(root: root)
        self.cgroupDriver = cgroupDriver
        self.note = note
    }
}

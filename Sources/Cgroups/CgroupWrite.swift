// One value for one file of a cgroup, decided before anything is written.

package import SystemPackage

/// One value that goes into one file of the container's cgroup.
package struct CgroupWrite: Equatable, Sendable {
    /// A file and value to use instead when the first file is not there, or not for the disk that is meant.
    package struct Alternative: Equatable, Sendable {
        package var file: String
        package var value: String

        package init(file: String, value: String) {
            self.file = file
            self.value = value
        }
    }

    /// What it means when the kernel has no such file.
    package enum Absence: Equatable, Sendable {
        /// The limit cannot be kept: an error.
        case refused
        /// Nothing is lost.
        case ignored
        /// The same limit goes by another name here; if none of these is there either, an error.
        case instead([Alternative])
    }

    /// The controller, which on v1 also names the hierarchy.
    package var controller: String
    /// The file's name.
    package var file: String
    /// What is written, in one call.
    package var value: String
    /// The configuration's key, for the error's sentence.
    package var key: String
    /// What a missing file means.
    package var absence: Absence
    /// The kernel's answers that leave nothing to be said.
    package var tolerated: [Errno]
    /// The kernel may refuse this until a later one of the same controller is written: then it is tried again after it.
    package var isDeferrable: Bool
    /// The kernel keeps another value instead of refusing one out of range: it is read back.
    package var isReadBack: Bool

    package init(
        _ controller: String, _ file: String, _ value: String, key: String, absence: Absence = .refused,
        tolerated: [Errno] = [], isDeferrable: Bool = false, isReadBack: Bool = false
    ) {
        self.controller = controller
        self.file = file
        self.value = value
        self.key = key
        self.absence = absence
        self.tolerated = tolerated
        self.isDeferrable = isDeferrable
        self.isReadBack = isReadBack
    }

    /// As a dry run shows it: `memory.max = 1048576`.
    package var summary: String { "\(file) = \(value)" }
}

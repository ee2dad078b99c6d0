// One value for one file of a cgroup, decided before the first write.

package import Kernel

/// One value for one file of the container's cgroup.
package struct CgroupWrite: Equatable, Sendable {
    /// A file and value to use if the first file does not exist, or does not apply to the disk.
    package struct Alternative: Equatable, Sendable {
        package var file: String
        package var value: String

        package init(file: String, value: String) {
            self.file = file
            self.value = value
        }
    }

    /// The meaning of a missing file.
    package enum Absence: Equatable, Sendable {
        /// The limit cannot be enforced: an error.
        case refused
        /// The limit is not needed.
        case ignored
        /// The same limit has other names; an error if none of these files exists either.
        case instead([Alternative])
    }

    /// The controller; on v1 it also names the hierarchy.
    package var controller: String
    /// The file's name.
    package var file: String
    /// The value, written in one call.
    package var value: String
    /// The configuration's key, for the error message.
    package var key: String
    /// The meaning of a missing file.
    package var absence: Absence
    /// Errors of the kernel that are ignored.
    package var tolerated: [Errno]
    /// Whether the kernel may refuse this value until a later one of the same controller is written: then it is
    /// retried after that.
    package var isDeferrable: Bool
    /// Whether the kernel may store another value instead of refusing one out of range: then the file is read back.
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

    /// Whether the kernel gives the value to every new cgroup, so that a cgroup that may not be made is not missed.
    var isOfNewCgroup: Bool {
        (file == "pids.max" && value == "max") || (file == "cpu.idle" && value == "0")
    }

    /// The line in a dry run: `memory.max = 1048576`.
    package var summary: String { "\(file) = \(value)" }
}

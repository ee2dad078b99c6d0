// The file beside CRIU's images: facts of a container that a restore needs and the images do not contain.

package import OCISpec

/// The content of `swiftrun.json` among the images.
package struct ImageRecord: Equatable, Sendable {
    /// A mount from outside, by where the container has it.
    package struct External: Equatable, Sendable {
        package var path: String
        /// The destination in the config of the bind mount that it belongs to.
        package var destination: String
        /// Where it lies below that, such as `/sub`; empty for the bind mount itself.
        package var below: String
        package init(path: String, destination: String, below: String = "") {
            (self.path, self.destination, self.below) = (path, destination, below)
        }
    }

    /// The settings of a thread that CRIU does not restore.
    package struct Thread: Equatable, Sendable {
        /// In the container's own numbers.
        package var tid: Int32
        /// sched_setaffinity(2): numbers of CPUs, as a list such as `0-3,7`.
        package var cpus: String
        /// ioprio_set(2): class and level in one number.
        package var ioPriority: Int32
        package init(tid: Int32, cpus: String, ioPriority: Int32) {
            (self.tid, self.cpus, self.ioPriority) = (tid, cpus, ioPriority)
        }
    }

    /// Which threads have no_new_privs.
    package enum NoNewPrivileges: String, Sendable { case absent = "none", onSome = "some", onAll = "all" }

    package static let name = "swiftrun.json"

    package var externals: [External] = []
    package var threads: [Thread] = []
    /// Nil in images that do not say so.
    package var noNewPrivileges: NoNewPrivileges?
    package init() {}
}

extension ImageRecord: JSONDecodable, JSONEncodable {
    package init(_ cursor: borrowing JSONCursor) throws(InvalidSpec) {
        externals = try cursor.optional("externalMounts") ?? []
        threads = try cursor.optional("threads") ?? []
        let text: String? = try cursor.optional("noNewPrivileges")
        noNewPrivileges = text.flatMap(NoNewPrivileges.init)
    }

    package func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("externalMounts", externals)
            writer.field("threads", threads)
            writer.field("noNewPrivileges", noNewPrivileges?.rawValue)
        }
    }
}

extension ImageRecord.External: JSONDecodable, JSONEncodable {
    package init(_ cursor: borrowing JSONCursor) throws(InvalidSpec) {
        self.init(
            path: try cursor.required("path"), destination: try cursor.required("destination"),
            below: try cursor.optional("below") ?? "")
    }

    package func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("path", path)
            writer.field("destination", destination)
            writer.field("below", below)
        }
    }
}

extension ImageRecord.Thread: JSONDecodable, JSONEncodable {
    package init(_ cursor: borrowing JSONCursor) throws(InvalidSpec) {
        self.init(
            tid: try cursor.required("tid"), cpus: try cursor.required("cpus"),
            ioPriority: try cursor.optional("ioPriority") ?? 0)
    }

    package func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("tid", tid)
            writer.field("cpus", cpus)
            writer.field("ioPriority", ioPriority)
        }
    }
}

// Reads and writes the state of a container.

extension ContainerState: JSONDecodable, JSONEncodable {
    package init(_ cursor: borrowing JSONCursor) throws(InvalidSpec) {
        ociVersion = try cursor.required("ociVersion")
        id = try cursor.required("id")
        pid = try cursor.optional("pid") ?? 0
        status = try cursor.required("status")
        bundle = try cursor.required("bundle")
        rootfs = try cursor.optional("rootfs")
        created = try cursor.optional("created")
        annotations = try cursor.optional("annotations") ?? [:]
        owner = try cursor.optional("owner")
    }

    package func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("ociVersion", ociVersion)
            writer.field("id", id)
            writer.field("pid", pid)
            writer.field("status", status)
            writer.field("bundle", bundle)
            writer.field("rootfs", rootfs)
            writer.field("created", created)
            writer.map("annotations", annotations)
            writer.field("owner", owner)
        }
    }
}

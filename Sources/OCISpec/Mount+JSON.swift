// Reads and writes a mount.

extension Mount: JSONDecodable, JSONEncodable {
    package init(_ cursor: borrowing JSONCursor) throws(InvalidSpec) {
        destination = try cursor.required("destination")
        type = try cursor.nonEmpty("type")
        source = try cursor.nonEmpty("source")
        options = try cursor.optional("options") ?? []
        uidMappings = try cursor.optional("uidMappings") ?? []
        gidMappings = try cursor.optional("gidMappings") ?? []
    }

    package func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("destination", destination)
            writer.field("type", type)
            writer.field("source", source)
            writer.list("options", options)
            writer.list("uidMappings", uidMappings)
            writer.list("gidMappings", gidMappings)
        }
    }
}

extension LinuxIDMapping: JSONDecodable, JSONEncodable {
    package init(_ cursor: borrowing JSONCursor) throws(InvalidSpec) {
        containerID = try cursor.required("containerID")
        hostID = try cursor.required("hostID")
        size = try cursor.required("size")
    }

    package func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("containerID", containerID)
            writer.field("hostID", hostID)
            writer.field("size", size)
        }
    }
}

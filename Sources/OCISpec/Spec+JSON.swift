// Reads and writes the top level of a configuration.

extension Spec: JSONDecodable, JSONEncodable {
    package init(_ cursor: borrowing JSONCursor) throws(InvalidSpec) {
        ociVersion = try cursor.required("ociVersion")
        process = try cursor.optional("process")
        root = try cursor.optional("root")
        hostname = try cursor.nonEmpty("hostname")
        domainname = try cursor.nonEmpty("domainname")
        mounts = try cursor.optional("mounts") ?? []
        hooks = try cursor.optional("hooks")
        annotations = try cursor.optional("annotations") ?? [:]
        linux = try cursor.optional("linux")
    }

    package func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("ociVersion", ociVersion)
            writer.field("process", process)
            writer.field("root", root)
            writer.field("hostname", hostname)
            writer.field("domainname", domainname)
            writer.list("mounts", mounts)
            writer.field("hooks", hooks)
            writer.map("annotations", annotations)
            writer.field("linux", linux)
        }
    }
}

extension Root: JSONDecodable, JSONEncodable {
    package init(_ cursor: borrowing JSONCursor) throws(InvalidSpec) {
        path = try cursor.required("path")
        readonly = try cursor.optional("readonly") ?? false
    }

    package func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("path", path)
            writer.flag("readonly", readonly)
        }
    }
}

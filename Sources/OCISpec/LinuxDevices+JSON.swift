// Reads and writes devices.

extension LinuxDevice: JSONDecodable, JSONEncodable {
    package init(_ cursor: borrowing JSONCursor) throws(InvalidSpec) {
        path = try cursor.required("path")
        type = try cursor.required("type")
        major = try cursor.optional("major")
        minor = try cursor.optional("minor")
        fileMode = try cursor.optional("fileMode")
        uid = try cursor.optional("uid")
        gid = try cursor.optional("gid")
    }

    package func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("path", path)
            writer.field("type", type)
            writer.field("major", major)
            writer.field("minor", minor)
            writer.field("fileMode", fileMode)
            writer.field("uid", uid)
            writer.field("gid", gid)
        }
    }
}

extension LinuxNetDevice: JSONDecodable, JSONEncodable {
    package init(_ cursor: borrowing JSONCursor) throws(InvalidSpec) {
        name = try cursor.nonEmpty("name")
    }

    package func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("name", name)
        }
    }
}

extension LinuxDeviceCgroup: JSONDecodable, JSONEncodable {
    package init(_ cursor: borrowing JSONCursor) throws(InvalidSpec) {
        allow = try cursor.required("allow")
        type = try cursor.nonEmpty("type")
        major = try cursor.optional("major")
        minor = try cursor.optional("minor")
        access = try cursor.nonEmpty("access")
    }

    package func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("allow", allow)
            writer.field("type", type)
            writer.field("major", major)
            writer.field("minor", minor)
            writer.field("access", access)
        }
    }
}

// Reads and writes hooks.

extension Hooks: JSONDecodable, JSONEncodable {
    package init(_ cursor: borrowing JSONCursor) throws(InvalidSpec) {
        prestart = try cursor.optional("prestart") ?? []
        createRuntime = try cursor.optional("createRuntime") ?? []
        createContainer = try cursor.optional("createContainer") ?? []
        startContainer = try cursor.optional("startContainer") ?? []
        poststart = try cursor.optional("poststart") ?? []
        poststop = try cursor.optional("poststop") ?? []
    }

    package func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.list("prestart", prestart)
            writer.list("createRuntime", createRuntime)
            writer.list("createContainer", createContainer)
            writer.list("startContainer", startContainer)
            writer.list("poststart", poststart)
            writer.list("poststop", poststop)
        }
    }
}

extension Hook: JSONDecodable, JSONEncodable {
    package init(_ cursor: borrowing JSONCursor) throws(InvalidSpec) {
        path = try cursor.required("path")
        args = try cursor.optional("args") ?? []
        env = try cursor.optional("env")
        timeout = try cursor.optional("timeout")
    }

    package func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("path", path)
            writer.list("args", args)
            writer.field("env", env)
            writer.field("timeout", timeout)
        }
    }
}

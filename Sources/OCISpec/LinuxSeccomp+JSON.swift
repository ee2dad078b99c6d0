// Reads and writes a seccomp filter.

extension LinuxSeccomp: JSONDecodable, JSONEncodable {
    package init(_ cursor: borrowing JSONCursor) throws(InvalidSpec) {
        defaultAction = try cursor.required("defaultAction")
        defaultErrnoRet = try cursor.optional("defaultErrnoRet")
        architectures = try cursor.optional("architectures") ?? []
        flags = try cursor.optional("flags")
        listenerPath = try cursor.nonEmpty("listenerPath")
        listenerMetadata = try cursor.nonEmpty("listenerMetadata")
        syscalls = try cursor.optional("syscalls") ?? []
    }

    package func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("defaultAction", defaultAction)
            writer.field("defaultErrnoRet", defaultErrnoRet)
            writer.list("architectures", architectures)
            writer.field("flags", flags)
            writer.field("listenerPath", listenerPath)
            writer.field("listenerMetadata", listenerMetadata)
            writer.list("syscalls", syscalls)
        }
    }
}

extension LinuxSyscall: JSONDecodable, JSONEncodable {
    package init(_ cursor: borrowing JSONCursor) throws(InvalidSpec) {
        names = try cursor.required("names")
        action = try cursor.required("action")
        errnoRet = try cursor.optional("errnoRet")
        args = try cursor.optional("args") ?? []
    }

    package func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("names", names)
            writer.field("action", action)
            writer.field("errnoRet", errnoRet)
            writer.list("args", args)
        }
    }
}

extension LinuxSeccompArg: JSONDecodable, JSONEncodable {
    package init(_ cursor: borrowing JSONCursor) throws(InvalidSpec) {
        index = try cursor.required("index")
        value = try cursor.required("value")
        valueTwo = try cursor.optional("valueTwo") ?? 0
        op = try cursor.required("op")
    }

    package func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("index", index)
            writer.field("value", value)
            writer.nonZero("valueTwo", valueTwo)
            writer.field("op", op)
        }
    }
}

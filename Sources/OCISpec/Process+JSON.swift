// Reads and writes a process.

extension Process: JSONDecodable, JSONEncodable {
    package init(_ cursor: borrowing JSONCursor) throws(InvalidSpec) {
        terminal = try cursor.optional("terminal") ?? false
        consoleSize = try cursor.optional("consoleSize")
        user = try cursor.optional("user") ?? User()
        args = try cursor.optional("args") ?? []
        env = try cursor.optional("env") ?? []
        cwd = try cursor.required("cwd")
        capabilities = try cursor.optional("capabilities")
        rlimits = try cursor.optional("rlimits") ?? []
        noNewPrivileges = try cursor.optional("noNewPrivileges") ?? false
        apparmorProfile = try cursor.nonEmpty("apparmorProfile")
        oomScoreAdj = try cursor.optional("oomScoreAdj")
        scheduler = try cursor.optional("scheduler")
        selinuxLabel = try cursor.nonEmpty("selinuxLabel")
        ioPriority = try cursor.optional("ioPriority")
        execCPUAffinity = try cursor.optional("execCPUAffinity")
    }

    package func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.flag("terminal", terminal)
            writer.field("consoleSize", consoleSize)
            writer.field("user", user)
            writer.list("args", args)
            writer.list("env", env)
            writer.field("cwd", cwd)
            writer.field("capabilities", capabilities)
            writer.list("rlimits", rlimits)
            writer.flag("noNewPrivileges", noNewPrivileges)
            writer.field("apparmorProfile", apparmorProfile)
            writer.field("oomScoreAdj", oomScoreAdj)
            writer.field("scheduler", scheduler)
            writer.field("selinuxLabel", selinuxLabel)
            writer.field("ioPriority", ioPriority)
            writer.field("execCPUAffinity", execCPUAffinity)
        }
    }
}

extension Box: JSONDecodable, JSONEncodable {
    package init(_ cursor: borrowing JSONCursor) throws(InvalidSpec) {
        height = try cursor.required("height")
        width = try cursor.required("width")
    }

    package func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("height", height)
            writer.field("width", width)
        }
    }
}

extension User: JSONDecodable, JSONEncodable {
    package init(_ cursor: borrowing JSONCursor) throws(InvalidSpec) {
        uid = try cursor.optional("uid") ?? 0
        gid = try cursor.optional("gid") ?? 0
        umask = try cursor.optional("umask")
        additionalGids = try cursor.optional("additionalGids") ?? []
    }

    package func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("uid", uid)
            writer.field("gid", gid)
            writer.field("umask", umask)
            writer.list("additionalGids", additionalGids)
        }
    }
}

extension LinuxCapabilities: JSONDecodable, JSONEncodable {
    package init(_ cursor: borrowing JSONCursor) throws(InvalidSpec) {
        bounding = try cursor.optional("bounding")
        effective = try cursor.optional("effective")
        inheritable = try cursor.optional("inheritable")
        permitted = try cursor.optional("permitted")
        ambient = try cursor.optional("ambient")
    }

    package func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("bounding", bounding)
            writer.field("effective", effective)
            writer.field("inheritable", inheritable)
            writer.field("permitted", permitted)
            writer.field("ambient", ambient)
        }
    }
}

extension POSIXRlimit: JSONDecodable, JSONEncodable {
    package init(_ cursor: borrowing JSONCursor) throws(InvalidSpec) {
        type = try cursor.required("type")
        hard = try cursor.required("hard")
        soft = try cursor.required("soft")
    }

    package func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("type", type)
            writer.field("hard", hard)
            writer.field("soft", soft)
        }
    }
}

extension Scheduler: JSONDecodable, JSONEncodable {
    package init(_ cursor: borrowing JSONCursor) throws(InvalidSpec) {
        policy = try cursor.required("policy")
        nice = try cursor.optional("nice") ?? 0
        priority = try cursor.optional("priority") ?? 0
        flags = try cursor.optional("flags") ?? []
        runtime = try cursor.optional("runtime") ?? 0
        deadline = try cursor.optional("deadline") ?? 0
        period = try cursor.optional("period") ?? 0
    }

    package func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("policy", policy)
            writer.nonZero("nice", nice)
            writer.nonZero("priority", priority)
            writer.list("flags", flags)
            writer.nonZero("runtime", runtime)
            writer.nonZero("deadline", deadline)
            writer.nonZero("period", period)
        }
    }
}

extension LinuxIOPriority: JSONDecodable, JSONEncodable {
    package init(_ cursor: borrowing JSONCursor) throws(InvalidSpec) {
        `class` = try cursor.required("class")
        // Optional: the schema does not require it, and the idle class ignores it.
        priority = try cursor.optional("priority") ?? 0
    }

    package func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("class", `class`)
            writer.field("priority", priority)
        }
    }
}

extension CPUAffinity: JSONDecodable, JSONEncodable {
    package init(_ cursor: borrowing JSONCursor) throws(InvalidSpec) {
        initial = try cursor.nonEmpty("initial")
        final = try cursor.nonEmpty("final")
    }

    package func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("initial", initial)
            writer.field("final", final)
        }
    }
}

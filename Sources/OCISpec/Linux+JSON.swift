// Reads and writes the Linux part of a configuration.

extension Linux: JSONDecodable, JSONEncodable {
    package init(_ cursor: borrowing JSONCursor) throws(InvalidSpec) {
        uidMappings = try cursor.optional("uidMappings") ?? []
        gidMappings = try cursor.optional("gidMappings") ?? []
        sysctl = try cursor.optional("sysctl") ?? [:]
        resources = try cursor.optional("resources")
        cgroupsPath = try cursor.nonEmpty("cgroupsPath")
        namespaces = try cursor.optional("namespaces") ?? []
        devices = try cursor.optional("devices") ?? []
        netDevices = try cursor.optional("netDevices") ?? [:]
        seccomp = try cursor.optional("seccomp")
        rootfsPropagation = try cursor.nonEmpty("rootfsPropagation")
        maskedPaths = try cursor.optional("maskedPaths") ?? []
        readonlyPaths = try cursor.optional("readonlyPaths") ?? []
        mountLabel = try cursor.nonEmpty("mountLabel")
        intelRdt = try cursor.optional("intelRdt")
        memoryPolicy = try cursor.optional("memoryPolicy")
        personality = try cursor.optional("personality")
        timeOffsets = try cursor.optional("timeOffsets") ?? [:]
    }

    package func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.list("uidMappings", uidMappings)
            writer.list("gidMappings", gidMappings)
            writer.map("sysctl", sysctl)
            writer.field("resources", resources)
            writer.field("cgroupsPath", cgroupsPath)
            writer.list("namespaces", namespaces)
            writer.list("devices", devices)
            writer.map("netDevices", netDevices)
            writer.field("seccomp", seccomp)
            writer.field("rootfsPropagation", rootfsPropagation)
            writer.list("maskedPaths", maskedPaths)
            writer.list("readonlyPaths", readonlyPaths)
            writer.field("mountLabel", mountLabel)
            writer.field("intelRdt", intelRdt)
            writer.field("memoryPolicy", memoryPolicy)
            writer.field("personality", personality)
            writer.map("timeOffsets", timeOffsets)
        }
    }
}

extension LinuxNamespace: JSONDecodable, JSONEncodable {
    package init(_ cursor: borrowing JSONCursor) throws(InvalidSpec) {
        type = try cursor.required("type")
        path = try cursor.nonEmpty("path")
    }

    package func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("type", type)
            writer.field("path", path)
        }
    }
}

extension LinuxTimeOffset: JSONDecodable, JSONEncodable {
    package init(_ cursor: borrowing JSONCursor) throws(InvalidSpec) {
        secs = try cursor.optional("secs") ?? 0
        nanosecs = try cursor.optional("nanosecs") ?? 0
    }

    package func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.nonZero("secs", secs)
            writer.nonZero("nanosecs", nanosecs)
        }
    }
}

extension LinuxIntelRdt: JSONDecodable, JSONEncodable {
    package init(_ cursor: borrowing JSONCursor) throws(InvalidSpec) {
        closID = try cursor.nonEmpty("closID")
        schemata = try cursor.optional("schemata") ?? []
        l3CacheSchema = try cursor.nonEmpty("l3CacheSchema")
        memBwSchema = try cursor.nonEmpty("memBwSchema")
        enableMonitoring = try cursor.optional("enableMonitoring") ?? false
    }

    package func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("closID", closID)
            writer.list("schemata", schemata)
            writer.field("l3CacheSchema", l3CacheSchema)
            writer.field("memBwSchema", memBwSchema)
            writer.flag("enableMonitoring", enableMonitoring)
        }
    }
}

extension LinuxMemoryPolicy: JSONDecodable, JSONEncodable {
    package init(_ cursor: borrowing JSONCursor) throws(InvalidSpec) {
        // The mode is checked later, together with the rest of the policy, by the code that knows the modes.
        mode = try cursor.optional("mode") ?? ""
        nodes = try cursor.optional("nodes") ?? ""
        flags = try cursor.optional("flags") ?? []
    }

    package func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("mode", mode)
            writer.field("nodes", nodes.isEmpty ? nil : nodes)
            writer.list("flags", flags)
        }
    }
}

extension LinuxPersonality: JSONDecodable, JSONEncodable {
    package init(_ cursor: borrowing JSONCursor) throws(InvalidSpec) {
        domain = try cursor.required("domain")
        flags = try cursor.optional("flags") ?? []
    }

    package func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("domain", domain)
            writer.list("flags", flags)
        }
    }
}

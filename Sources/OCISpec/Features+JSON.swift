// Reads and writes `features`.

extension Features: JSONDecodable, JSONEncodable {
    package init(_ cursor: borrowing JSONCursor) throws(InvalidSpec) {
        ociVersionMin = try cursor.nonEmpty("ociVersionMin")
        ociVersionMax = try cursor.nonEmpty("ociVersionMax")
        hooks = try cursor.optional("hooks") ?? []
        mountOptions = try cursor.optional("mountOptions") ?? []
        linux = try cursor.optional("linux")
        annotations = try cursor.optional("annotations") ?? [:]
        potentiallyUnsafeConfigAnnotations = try cursor.optional("potentiallyUnsafeConfigAnnotations") ?? []
    }

    package func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("ociVersionMin", ociVersionMin)
            writer.field("ociVersionMax", ociVersionMax)
            writer.list("hooks", hooks)
            writer.list("mountOptions", mountOptions)
            writer.field("linux", linux)
            writer.map("annotations", annotations)
            writer.list("potentiallyUnsafeConfigAnnotations", potentiallyUnsafeConfigAnnotations)
        }
    }
}

extension Features.Linux: JSONDecodable, JSONEncodable {
    package init(_ cursor: borrowing JSONCursor) throws(InvalidSpec) {
        namespaces = try cursor.optional("namespaces") ?? []
        capabilities = try cursor.optional("capabilities") ?? []
        cgroup = try cursor.optional("cgroup")
        seccomp = try cursor.optional("seccomp")
        apparmor = try cursor.optional("apparmor")
        selinux = try cursor.optional("selinux")
        intelRdt = try cursor.optional("intelRdt")
        memoryPolicy = try cursor.optional("memoryPolicy")
        mountExtensions = try cursor.optional("mountExtensions")
        netDevices = try cursor.optional("netDevices")
    }

    package func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.list("namespaces", namespaces)
            writer.list("capabilities", capabilities)
            writer.field("cgroup", cgroup)
            writer.field("seccomp", seccomp)
            writer.field("apparmor", apparmor)
            writer.field("selinux", selinux)
            writer.field("intelRdt", intelRdt)
            writer.field("memoryPolicy", memoryPolicy)
            writer.field("mountExtensions", mountExtensions)
            writer.field("netDevices", netDevices)
        }
    }
}

extension Features.Switch: JSONDecodable, JSONEncodable {
    package init(_ cursor: borrowing JSONCursor) throws(InvalidSpec) {
        enabled = try cursor.optional("enabled")
    }

    package func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("enabled", enabled)
        }
    }
}

extension Features.Cgroup: JSONDecodable, JSONEncodable {
    package init(_ cursor: borrowing JSONCursor) throws(InvalidSpec) {
        v1 = try cursor.optional("v1")
        v2 = try cursor.optional("v2")
        systemd = try cursor.optional("systemd")
        systemdUser = try cursor.optional("systemdUser")
        rdma = try cursor.optional("rdma")
    }

    package func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("v1", v1)
            writer.field("v2", v2)
            writer.field("systemd", systemd)
            writer.field("systemdUser", systemdUser)
            writer.field("rdma", rdma)
        }
    }
}

extension Features.Seccomp: JSONDecodable, JSONEncodable {
    package init(_ cursor: borrowing JSONCursor) throws(InvalidSpec) {
        enabled = try cursor.optional("enabled")
        actions = try cursor.optional("actions") ?? []
        operators = try cursor.optional("operators") ?? []
        archs = try cursor.optional("archs") ?? []
        knownFlags = try cursor.optional("knownFlags") ?? []
        supportedFlags = try cursor.optional("supportedFlags") ?? []
    }

    package func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("enabled", enabled)
            writer.list("actions", actions)
            writer.list("operators", operators)
            writer.list("archs", archs)
            writer.list("knownFlags", knownFlags)
            writer.list("supportedFlags", supportedFlags)
        }
    }
}

extension Features.IntelRdt: JSONDecodable, JSONEncodable {
    package init(_ cursor: borrowing JSONCursor) throws(InvalidSpec) {
        enabled = try cursor.optional("enabled")
        schemata = try cursor.optional("schemata")
        monitoring = try cursor.optional("monitoring")
    }

    package func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("enabled", enabled)
            writer.field("schemata", schemata)
            writer.field("monitoring", monitoring)
        }
    }
}

extension Features.MemoryPolicy: JSONDecodable, JSONEncodable {
    package init(_ cursor: borrowing JSONCursor) throws(InvalidSpec) {
        modes = try cursor.optional("modes") ?? []
        flags = try cursor.optional("flags") ?? []
    }

    package func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.list("modes", modes)
            writer.list("flags", flags)
        }
    }
}

extension Features.MountExtensions: JSONDecodable, JSONEncodable {
    package init(_ cursor: borrowing JSONCursor) throws(InvalidSpec) {
        idmap = try cursor.optional("idmap")
    }

    package func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("idmap", idmap)
        }
    }
}

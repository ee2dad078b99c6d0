// Reads and writes resources.

extension LinuxResources: JSONDecodable, JSONEncodable {
    package init(_ cursor: borrowing JSONCursor) throws(InvalidSpec) {
        devices = try cursor.optional("devices") ?? []
        memory = try cursor.optional("memory")
        cpu = try cursor.optional("cpu")
        pids = try cursor.optional("pids")
        blockIO = try cursor.optional("blockIO")
        hugepageLimits = try cursor.optional("hugepageLimits") ?? []
        network = try cursor.optional("network")
        rdma = try cursor.optional("rdma") ?? [:]
        unified = try cursor.optional("unified") ?? [:]
    }

    package func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.list("devices", devices)
            writer.field("memory", memory)
            writer.field("cpu", cpu)
            writer.field("pids", pids)
            writer.field("blockIO", blockIO)
            writer.list("hugepageLimits", hugepageLimits)
            writer.field("network", network)
            writer.map("rdma", rdma)
            writer.map("unified", unified)
        }
    }
}

extension LinuxMemory: JSONDecodable, JSONEncodable {
    package init(_ cursor: borrowing JSONCursor) throws(InvalidSpec) {
        limit = try cursor.optional("limit")
        reservation = try cursor.optional("reservation")
        swap = try cursor.optional("swap")
        kernel = try cursor.optional("kernel")
        kernelTCP = try cursor.optional("kernelTCP")
        swappiness = try cursor.optional("swappiness")
        disableOOMKiller = try cursor.optional("disableOOMKiller")
        useHierarchy = try cursor.optional("useHierarchy")
        checkBeforeUpdate = try cursor.optional("checkBeforeUpdate")
    }

    package func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("limit", limit)
            writer.field("reservation", reservation)
            writer.field("swap", swap)
            writer.field("kernel", kernel)
            writer.field("kernelTCP", kernelTCP)
            writer.field("swappiness", swappiness)
            writer.field("disableOOMKiller", disableOOMKiller)
            writer.field("useHierarchy", useHierarchy)
            writer.field("checkBeforeUpdate", checkBeforeUpdate)
        }
    }
}

extension LinuxCPU: JSONDecodable, JSONEncodable {
    package init(_ cursor: borrowing JSONCursor) throws(InvalidSpec) {
        shares = try cursor.optional("shares")
        quota = try cursor.optional("quota")
        burst = try cursor.optional("burst")
        period = try cursor.optional("period")
        realtimeRuntime = try cursor.optional("realtimeRuntime")
        realtimePeriod = try cursor.optional("realtimePeriod")
        cpus = try cursor.nonEmpty("cpus")
        mems = try cursor.nonEmpty("mems")
        idle = try cursor.optional("idle")
    }

    package func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("shares", shares)
            writer.field("quota", quota)
            writer.field("burst", burst)
            writer.field("period", period)
            writer.field("realtimeRuntime", realtimeRuntime)
            writer.field("realtimePeriod", realtimePeriod)
            writer.field("cpus", cpus)
            writer.field("mems", mems)
            writer.field("idle", idle)
        }
    }
}

extension LinuxPids: JSONDecodable, JSONEncodable {
    package init(_ cursor: borrowing JSONCursor) throws(InvalidSpec) {
        limit = try cursor.optional("limit")
    }

    package func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("limit", limit)
        }
    }
}

extension LinuxHugepageLimit: JSONDecodable, JSONEncodable {
    package init(_ cursor: borrowing JSONCursor) throws(InvalidSpec) {
        pageSize = try cursor.required("pageSize")
        limit = try cursor.required("limit")
    }

    package func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("pageSize", pageSize)
            writer.field("limit", limit)
        }
    }
}

extension LinuxNetwork: JSONDecodable, JSONEncodable {
    package init(_ cursor: borrowing JSONCursor) throws(InvalidSpec) {
        classID = try cursor.optional("classID")
        priorities = try cursor.optional("priorities") ?? []
    }

    package func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("classID", classID)
            writer.list("priorities", priorities)
        }
    }
}

extension LinuxInterfacePriority: JSONDecodable, JSONEncodable {
    package init(_ cursor: borrowing JSONCursor) throws(InvalidSpec) {
        name = try cursor.required("name")
        priority = try cursor.required("priority")
    }

    package func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("name", name)
            writer.field("priority", priority)
        }
    }
}

extension LinuxRdma: JSONDecodable, JSONEncodable {
    package init(_ cursor: borrowing JSONCursor) throws(InvalidSpec) {
        hcaHandles = try cursor.optional("hcaHandles")
        hcaObjects = try cursor.optional("hcaObjects")
    }

    package func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("hcaHandles", hcaHandles)
            writer.field("hcaObjects", hcaObjects)
        }
    }
}

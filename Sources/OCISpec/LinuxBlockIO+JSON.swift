// Reads and writes limits of block devices.

extension LinuxBlockIO: JSONDecodable, JSONEncodable {
    package init(_ cursor: borrowing JSONCursor) throws(InvalidSpec) {
        weight = try cursor.optional("weight")
        leafWeight = try cursor.optional("leafWeight")
        weightDevice = try cursor.optional("weightDevice") ?? []
        throttleReadBpsDevice = try cursor.optional("throttleReadBpsDevice") ?? []
        throttleWriteBpsDevice = try cursor.optional("throttleWriteBpsDevice") ?? []
        throttleReadIOPSDevice = try cursor.optional("throttleReadIOPSDevice") ?? []
        throttleWriteIOPSDevice = try cursor.optional("throttleWriteIOPSDevice") ?? []
    }

    package func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("weight", weight)
            writer.field("leafWeight", leafWeight)
            writer.list("weightDevice", weightDevice)
            writer.list("throttleReadBpsDevice", throttleReadBpsDevice)
            writer.list("throttleWriteBpsDevice", throttleWriteBpsDevice)
            writer.list("throttleReadIOPSDevice", throttleReadIOPSDevice)
            writer.list("throttleWriteIOPSDevice", throttleWriteIOPSDevice)
        }
    }
}

extension LinuxWeightDevice: JSONDecodable, JSONEncodable {
    package init(_ cursor: borrowing JSONCursor) throws(InvalidSpec) {
        major = try cursor.required("major")
        minor = try cursor.required("minor")
        weight = try cursor.optional("weight")
        leafWeight = try cursor.optional("leafWeight")
    }

    package func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("major", major)
            writer.field("minor", minor)
            writer.field("weight", weight)
            writer.field("leafWeight", leafWeight)
        }
    }
}

extension LinuxThrottleDevice: JSONDecodable, JSONEncodable {
    package init(_ cursor: borrowing JSONCursor) throws(InvalidSpec) {
        major = try cursor.required("major")
        minor = try cursor.required("minor")
        rate = try cursor.optional("rate") ?? 0
    }

    package func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("major", major)
            writer.field("minor", minor)
            writer.nonZero("rate", rate)
        }
    }
}

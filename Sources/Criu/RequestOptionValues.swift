// The types of the options of a request.

/// `criu_cg_mode`.
package enum CgroupsMode: Int32, Sendable {
    case ignore = 0
    case none, properties, soft, full, strict, standard
}

/// `criu_network_lock_method`.
package enum NetworkLock: Int32, Sendable { case iptables = 1, nftables, skip }

/// A key of the images, and what it stands for now.
package struct KeyedPath: Equatable, Sendable {
    package var key: String
    package var value: String
    package init(key: String, value: String) {
        self.key = key
        self.value = value
    }
}

/// A key of the images, and a descriptor in CRIU's own table.
package struct KeyedDescriptor: Equatable, Sendable {
    package var key: String
    package var number: Int32
    package init(key: String, number: Int32) {
        self.key = key
        self.number = number
    }
}

/// Where a page server is; each part only if it is known.
package struct PageServer: Equatable, Sendable {
    package var address: String?
    package var port: Int32
    package init(address: String?, port: Int32) {
        self.address = address
        self.port = port
    }
}

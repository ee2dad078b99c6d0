// `linux.netDevices`: network interfaces that move from the host into the container.

internal import enum Kernel.NamespaceKind
package import OCISpec

/// An interface that moves into the container's network namespace.
package struct NetworkDeviceStep: Equatable, Sendable {
    /// The config's key.
    package var key: String
    /// The name on the host.
    package var name: String
    /// The name in the container; the kernel replaces `%d` by a number.
    package var nameInside: String
}

extension NetworkDeviceStep {
    /// Decides `linux.netDevices`, in the order of the names.
    /// - Throws: a name that is invalid for interfaces, or a network namespace that is the runtime's own.
    static func plan(
        _ devices: TextMap<LinuxNetDevice>, _ namespaces: NamespacePlan
    ) throws(InvalidSpec) -> [NetworkDeviceStep] {
        guard !devices.isEmpty else { return [] }
        guard namespaces.has(.network) else {
            throw InvalidSpec(keyPath: "linux.netDevices", problem: "needs a network namespace in linux.namespaces")
        }
        var result: [NetworkDeviceStep] = []
        var names = EarlierNames()
        for (name, device) in devices {
            let key = "linux.netDevices.\(name)"
            guard isName(name) else {
                throw InvalidSpec(keyPath: key, problem: "\"\(name)\" is not a valid name of a network device")
            }
            let inside = device.name.flatMap { $0.isEmpty ? nil : $0 } ?? name
            guard isName(inside) else {
                throw InvalidSpec(
                    keyPath: "\(key).name", problem: "\"\(inside)\" is not a valid name of a network device")
            }
            if !inside.utf8.contains(UInt8(ascii: "%")), let other = names.place(of: inside, at: result.count) {
                throw InvalidSpec(
                    keyPath: "\(key).name", problem: "\"\(inside)\" is also the name of \(result[other].name)")
            }
            result.append(NetworkDeviceStep(key: key, name: name, nameInside: inside))
        }
        return result
    }

    // The rules of the kernel's dev_valid_name.
    private static func isName(_ name: String) -> Bool {
        let forbidden: [UInt8] = [UInt8(ascii: "/"), UInt8(ascii: ":"), 9, 10, 11, 12, 13, 32]
        return (1...15).contains(name.utf8.count) && name != "." && name != ".."
            && !name.utf8.contains { forbidden.contains($0) }
    }
}

extension NetworkDeviceStep: JSONEncodable {
    package func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("name", name)
            writer.field("nameInside", nameInside)
        }
    }

    var summary: String { "move network device \(name) into the container as \(nameInside)" }
}

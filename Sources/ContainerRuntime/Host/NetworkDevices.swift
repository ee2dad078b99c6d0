// Moves network interfaces of the host's into a container, with their addresses.

internal import Glibc
internal import Kernel
internal import Planning

/// Moves the interfaces of a plan into the network namespace of a process.
func moveNetworkDevices(_ devices: [NetworkDeviceStep], to pid: Int32) throws(Failure) {
    guard !devices.isEmpty else { return }
    let own = try openNetworkNamespace("self")
    let target = try openNetworkNamespace("\(pid)")
    guard try isDifferent(own, target) else {
        throw Failure(.invalid, "linux.netDevices: the container's network namespace is the runtime's own")
    }
    let here = try during("open a routing socket") { () throws(Errno) in try RouteSocket() }
    let there = try routeSocket(in: target, from: own)
    for device in devices { try move(device, here, there, target.rawValue) }
}

private func move(
    _ device: NetworkDeviceStep, _ here: borrowing RouteSocket, _ there: borrowing RouteSocket, _ target: Int32
) throws(Failure) {
    let index = try during("\(device.key): find network device \(device.name)") { () throws(Errno) in
        try here.index(of: device.name)
    }
    let isTemplate = device.nameInside.utf8.contains(UInt8(ascii: "%"))
    // The kernel compares names only after it has moved the interface, and does not move it back.
    guard isTemplate || !exists(device.nameInside, there) else {
        throw Failure(
            "\(device.key): move network device \(device.name) into the container as \(device.nameInside)", .fileExists)
    }
    // The kernel drops them when the interface leaves.
    let addresses = try during("\(device.key): read the addresses of \(device.name)") { () throws(Errno) in
        try here.addresses(of: index)
    }
    try during("\(device.key): move network device \(device.name) into the container as \(device.nameInside)") {
        () throws(Errno) in try here.move(index, to: target, as: device.nameInside)
    }
    let inside = try during("\(device.key): find network device \(device.nameInside) in the container") {
        () throws(Errno) in isTemplate ? index : try there.index(of: device.nameInside)
    }
    for address in addresses where address.isPermanentAndGlobal {
        try during("\(device.key): give \(device.nameInside) its addresses again") { () throws(Errno) in
            try there.add(address, to: inside)
        }
    }
    try during("\(device.key): bring up \(device.nameInside)") { () throws(Errno) in try there.bringUp(inside) }
}

private func exists(_ name: String, _ socket: borrowing RouteSocket) -> Bool {
    do throws(Errno) {
        _ = try socket.index(of: name)
        return true
    } catch {
        return false
    }
}

private func openNetworkNamespace(_ process: String) throws(Failure) -> OwnedDescriptor {
    let path = "/proc/\(process)/ns/net"
    return try during("open \(path)") { () throws(Errno) in try OwnedDescriptor.open(path) }
}

private func isDifferent(
    _ first: borrowing OwnedDescriptor, _ second: borrowing OwnedDescriptor
) throws(Failure) -> Bool {
    let (one, other) = (first.rawValue, second.rawValue)
    return try during("compare network namespaces") { () throws(Errno) in
        try fileStatus(one).inode != fileStatus(other).inode
    }
}

// A socket belongs to the network namespace in which it was made, wherever it is used.
private func routeSocket(
    in target: borrowing OwnedDescriptor, from own: borrowing OwnedDescriptor
) throws(Failure) -> RouteSocket {
    let (there, here) = (target.rawValue, own.rawValue)
    return try during("open a routing socket in the container's network namespace") { () throws(Errno) in
        try joinNamespaces(there, NamespaceSet(.network))
        var made: RouteSocket?
        var failure: Errno?
        do throws(Errno) { made = try RouteSocket() } catch { failure = error }
        try joinNamespaces(here, NamespaceSet(.network))
        guard let socket = made.take() else { throw failure ?? .badFileDescriptor }
        return socket
    }
}

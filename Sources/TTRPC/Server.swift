// Services by name, and the connections of their clients.

internal import Glibc
public import NIOCore
internal import NIOPosix

/// A ttrpc server.
///
/// It belongs to one event loop and is used only there.
public final class Server {
    /// Takes a call and answers it, at once or later.
    public typealias Handler = (Call) -> Void

    let eventLoop: any EventLoop
    private var services: [String: [String: Handler]] = [:]
    private var listener: (any Channel)?
    private var connections: [ObjectIdentifier: ServerConnection] = [:]
    /// Called when the last connection has closed.
    public var onLastClose: (() -> Void)?

    /// Must be called on the event loop.
    public init(on eventLoop: any EventLoop) {
        eventLoop.preconditionInEventLoop()
        self.eventLoop = eventLoop
    }

    /// Registers the methods of a service under its full name.
    public func register(_ service: String, _ methods: [String: Handler]) {
        services[service] = methods
    }

    /// Accepts connections from a listening Unix stream socket, which the server owns from now on.
    ///
    /// A connection whose peer has another user or group is closed without an answer.
    public func listen(adopting socket: CInt) -> EventLoopFuture<Void> {
        let me = NIOLoopBound(self, eventLoop: eventLoop)
        return ServerBootstrap(group: eventLoop)
            .childChannelInitializer { channel in
                Server.requireOwnPeer(channel).flatMapThrowing {
                    try channel.pipeline.syncOperations.addHandler(ServerConnection(me.value))
                }
            }
            .withBoundSocket(socket)
            .map { me.value.listener = $0 }
    }

    /// Stops accepting; existing connections stay open.
    public func stopListening() {
        listener?.close(promise: nil)
        listener = nil
    }

    func opened(_ connection: ServerConnection) { connections[ObjectIdentifier(connection)] = connection }

    func closed(_ connection: ServerConnection) {
        connections[ObjectIdentifier(connection)] = nil
        if connections.isEmpty { onLastClose?() }
    }

    /// Whether any client is connected.
    public var isConnected: Bool { !connections.isEmpty }

    /// The calls that have not been answered, oldest first.
    public var callsInFlight: [Call] {
        connections.values.flatMap(\.callsInFlight).sorted { $0.begin < $1.begin }
    }

    func handler(of request: Request) throws(Status) -> Handler {
        guard let service = services[request.service] else {
            throw Status(.unimplemented, "service \(request.service)")
        }
        guard let handler = service[request.method] else { throw Status(.unimplemented, "method \(request.method)") }
        return handler
    }

    /// The socket's file mode also excludes other users; this check holds even if the permissions of its directory
    /// were widened.
    private static func requireOwnPeer(_ channel: any Channel) -> EventLoopFuture<Void> {
        guard let socket = channel as? any SocketOptionProvider else {
            return channel.eventLoop.makeFailedFuture(Status(.permissionDenied, "peer without credentials"))
        }
        let peer: EventLoopFuture<PeerCredentials> = socket.unsafeGetSocketOption(
            level: .socket, name: .init(rawValue: SO_PEERCRED))
        return peer.flatMapThrowing { peer in
            guard peer.user == geteuid(), peer.group == getegid() else {
                throw Status(.permissionDenied, "peer is user \(peer.user), group \(peer.group)")
            }
        }
    }
}

/// `struct ucred` of unix(7), which Swift's Glibc module hides.
private struct PeerCredentials: Sendable {
    var process: pid_t = 0
    var user: uid_t = 0
    var group: gid_t = 0
}

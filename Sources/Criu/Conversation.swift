// The conversation with `criu swrk`: requests and answers, one packet each, on a socket that CRIU inherits.

internal import CLinux
internal import Glibc
package import Kernel

/// Why there is no answer.
package enum ConversationError: Error, Equatable {
    /// CRIU ended without one.
    case ended
    /// CRIU has said nothing for as long as it was given.
    case late
    case unreadable(WireError)
    case system(Errno)
}

/// Our end of the socket.
package struct Conversation: ~Copyable {
    /// The largest packet that is expected; a page of text is the most that an answer holds.
    private static let largest = 64 << 10

    private let socket: OwnedDescriptor
    /// A pidfd of CRIU's, which lives as long as the conversation.
    private let worker: Int32?

    package init(_ socket: consuming OwnedDescriptor, with worker: Int32? = nil) {
        self.socket = socket
        self.worker = worker
    }

    package borrowing func send(_ request: Request) throws(ConversationError) {
        do throws(Errno) { try sendMessage(socket.rawValue, request.bytes) } catch {
            throw error == .brokenPipe || error == .connectionReset ? .ended : .system(error)
        }
    }

    /// Waits until the socket can be read or written, or for the end of CRIU: helpers of one that was killed keep its end of
    /// the socket open.
    /// - Parameter readiness: `POLLIN` or `POLLOUT`.
    private borrowing func wait(
        for readiness: Int32, _ limit: Int32, _ goesOn: () -> Bool
    ) throws(ConversationError) {
        guard let worker else { return }
        // One that speaks for ever keeps the wait from being interrupted.
        if RequestToEnd.current != nil { throw .system(.interrupted) }
        var entries = [
            pollfd(fd: socket.rawValue, events: Int16(readiness), revents: 0),
            pollfd(fd: worker, events: Int16(POLLIN), revents: 0),
        ]
        while entries[0].revents == 0 {
            do throws(Errno) { try checked { poll(&entries, 2, limit) } } catch { throw .system(error) }
            guard entries[0].revents == 0 else { return }
            if entries[1].revents != 0 { throw .ended }
            if !goesOn() { throw RequestToEnd.current == nil ? .late : .system(.interrupted) }
        }
    }

    private borrowing func receive(
        _ limit: Int32, _ goesOn: () -> Bool
    ) throws(ConversationError) -> (Response, Int32?) {
        try wait(for: POLLIN, limit, goesOn)
        var message: ReceivedMessage
        do throws(Errno) { message = try receiveMessage(socket.rawValue, limit: Self.largest) } catch {
            throw error == .connectionReset ? .ended : .system(error)
        }
        guard !message.bytes.isEmpty else { throw .ended }
        guard message.bytes.count < Self.largest else {
            throw .unreadable(WireError(problem: "a message of \(Self.largest) bytes or more"))
        }
        let response: Response
        do throws(WireError) { response = try Response(message.bytes) } catch { throw .unreadable(error) }
        return (response, message.descriptor.take()?.relinquish())
    }

    /// Sends a request and waits for the answer.
    /// - Parameters:
    ///   - limit: for how many milliseconds CRIU may be silent.
    ///   - goesOn: is asked whenever it has been silent for so long; whether to wait on.
    ///   - notified: is told of each moment, with the descriptor that comes with it, and says whether CRIU may go
    ///     on; the descriptor is closed unless it takes it.
    package borrowing func ask(
        _ request: Request, limit: Int32 = -1, goesOn: () -> Bool = { false },
        notified: (Notification, inout OwnedDescriptor?) -> Bool = { _, _ in true }
    ) throws(ConversationError) -> Response {
        try send(request)
        while true {
            let (response, number) = try receive(limit, goesOn)
            var descriptor = number.map { OwnedDescriptor(adopting: $0) }
            guard response.isAnswer(to: .notify), let notification = response.notification else { return response }
            let maySucceed = notified(notification, &descriptor)
            // A signal that arrives before the write does not end it, if CRIU reads none of its answers.
            try wait(for: POLLOUT, limit, goesOn)
            try send(.answer(maySucceed))
        }
    }

    /// Says that nothing more is asked: a worker that waits for requests ends.
    package consuming func end() {}
}

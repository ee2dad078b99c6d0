// Opening the paths that clients give for streams.

internal import CLinux
internal import Glibc
internal import Kernel
internal import NIOCore

/// Opens clients' FIFOs without waiting on the event loop.
struct StreamPaths {
    let loop: Loop
    let cancellation: Cancellation

    /// How long a client may take to open its end.
    static let patience: TimeAmount = .seconds(30)

    /// Opens a client's end of input.
    static func openInput(_ path: String) throws(ShimFailure) -> InputEnds {
        let file = try ClientFile(path)
        return try during("open \(path)") { () throws(Errno) in
            InputEnds(source: try file.open(.readOnly), writer: file.isFIFO ? try file.open(.writeOnly) : nil)
        }
    }

    /// Opens a client's end of output as soon as the client reads there.
    ///
    /// The client must be there first: what is written to a FIFO without a reader is lost when the writer closes it.
    /// From then on a reader of our own keeps the FIFO writable while the client closes and opens it again.
    func openOutput(_ path: String, completion: @escaping (Result<DescriptorBox, ShimFailure>) -> Void) {
        open(path, waited: .zero, pause: .milliseconds(1), completion: completion)
    }

    private func open(
        _ path: String, waited: TimeAmount, pause: TimeAmount,
        completion: @escaping (Result<DescriptorBox, ShimFailure>) -> Void
    ) {
        if cancellation.isCancelled { return }
        do throws(ShimFailure) {
            if let opened = try Self.openForWriting(path) { return completion(.success(DescriptorBox(opened))) }
            if waited > Self.patience {
                return completion(.failure(ShimFailure("open \(path): no reader within 30 seconds")))
            }
            loop.after(pause) {
                open(path, waited: waited + pause, pause: min(pause * 2, .milliseconds(50)), completion: completion)
            }
        } catch {
            completion(.failure(error))
        }
    }

    /// Returns nothing for a FIFO without a reader.
    static func openForWriting(_ path: String) throws(ShimFailure) -> OwnedDescriptor? {
        let file = try ClientFile(path)
        do throws(Errno) {
            if !file.isFIFO { return try file.open([.writeOnly, .append]) }
            let writer = try file.open(.writeOnly)
            let both = try file.open(.readWrite)
            _ = consume writer
            return both
        } catch {
            if file.isFIFO, error == .noSuchAddressOrDevice { return nil }
            throw ShimFailure("open \(path)", error)
        }
    }
}

/// The client's end of input.
struct InputEnds: ~Copyable {
    /// The end that is read.
    var source: OwnedDescriptor
    /// A writer of our own, which keeps the end of input from coming until it is closed; only for a FIFO.
    var writer: OwnedDescriptor?
}

/// A descriptor for closures, which cannot capture a noncopyable value.
final class DescriptorBox {
    private var content: OwnedDescriptor?

    init(_ descriptor: consuming OwnedDescriptor) { content = consume descriptor }

    /// Its number, while it is here.
    var rawValue: Int32? { content?.rawValue }

    /// The descriptor, the first time.
    func take() -> OwnedDescriptor? { content.take() }
}

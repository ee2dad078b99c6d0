// One direction of one stream: bytes from a descriptor to another.

internal import CLinux
internal import Glibc
internal import Kernel

/// A source, a destination, and the bytes that were read and are not written yet.
final class Flow {
    enum Next { case awaitSource, awaitDestination, finish }

    let id: FlowID
    let source: Int32
    let destination: Int32
    var isSourceKnown = false
    var isDestinationKnown = false

    /// How many bytes have been given to the destination.
    private(set) var carried: UInt64 = 0
    /// Whether the last look at the source found nothing more.
    private(set) var isSourceEmpty = false

    private let isFIFO: Bool
    private var canSplice = true
    /// How often in a row splice(2) stood still although both sides were ready.
    private var stalls = 0
    /// Bytes that were read and could not be written yet; only without splice(2).
    private var unwritten: [UInt8] = []

    /// Takes over two descriptors, which must be non-blocking as far as they can block.
    init(_ id: FlowID, from source: Int32, to destination: Int32) {
        self.id = id
        self.source = source
        self.destination = destination
        isFIFO = Shim.isFIFO(destination)
    }

    /// Closes both descriptors; the last thing that happens to a flow.
    func close() {
        Glibc.close(source)
        Glibc.close(destination)
    }

    /// From so many bytes on, splicing is worth it.
    static let chunk = 16 << 10
    private static let longestSplice = 1 << 20

    /// Carries what can be carried now, though not for ever: other flows want their turn.
    func carry(with buffer: UnsafeMutableRawBufferPointer) -> Next {
        isSourceEmpty = false
        for _ in 0..<16 {
            let next = shouldSplice ? splice() : copy(with: buffer)
            if let next { return next }
        }
        return unwritten.isEmpty ? .awaitSource : .awaitDestination
    }

    /// Whether there are enough bytes for splice.
    ///
    /// Spliced bytes keep their own slot of the destination's pipe, which has sixteen. So few bytes are copied, which
    /// fills slots up: otherwise sixteen short lines would fill a FIFO without a reader.
    private var shouldSplice: Bool {
        guard canSplice, unwritten.isEmpty else { return false }
        var available: Int32 = 0
        clinux_ioctl(source, UInt(FIONREAD), &available)
        return available >= Flow.chunk
    }

    /// One splice(2); nothing means that there may be more.
    private func splice() -> Next? {
        let moveNonBlocking: UInt32 = 3  // SPLICE_F_MOVE, SPLICE_F_NONBLOCK
        do throws(Errno) {
            let moved = try checked {
                clinux_splice(source, destination, Flow.longestSplice, moveNonBlocking)
            }
            stalls = 0
            carried += UInt64(moved)
            return moved == 0 ? .finish : nil
        } catch .wouldBlock {
            return whichBlocks()
        } catch .invalidArgument {
            // Neither side is a pipe, or the file is open for appending.
            canSplice = false
            return nil
        } catch {
            return .finish
        }
    }

    /// Which side a splice stands still for.
    private func whichBlocks() -> Next? {
        var sides = [
            pollfd(fd: source, events: Int16(POLLIN), revents: 0),
            pollfd(fd: destination, events: Int16(POLLOUT), revents: 0),
        ]
        poll(&sides, 2, 0)
        if sides[0].revents == 0 {
            isSourceEmpty = true
            return .awaitSource
        }
        if sides[1].revents == 0 { return .awaitDestination }
        // The source has changed, or the kernel cannot splice these descriptors.
        stalls += 1
        canSplice = stalls < 8
        return nil
    }

    private func copy(with buffer: UnsafeMutableRawBufferPointer) -> Next? {
        if !unwritten.isEmpty { return writeUnwritten() }
        do throws(Errno) {
            let count = try checked { read(source, buffer.baseAddress, buffer.count) }
            if count == 0 { return .finish }
            let bytes = UnsafeRawBufferPointer(rebasing: buffer[..<count])
            let written = try write(bytes)
            unwritten = Array(bytes[written...])
            return nil
        } catch .wouldBlock {
            isSourceEmpty = true
            return .awaitSource
        } catch {
            return .finish
        }
    }

    private func writeUnwritten() -> Next? {
        do throws(Errno) {
            let written = try unwritten.withUnsafeBufferPointer { bytes throws(Errno) -> Int in
                try write(UnsafeRawBufferPointer(bytes))
            }
            unwritten.removeFirst(written)
            return unwritten.isEmpty ? nil : .awaitDestination
        } catch {
            return .finish
        }
    }

    /// Writes as much as the destination takes now.
    private func write(_ bytes: UnsafeRawBufferPointer) throws(Errno) -> Int {
        do throws(Errno) {
            let written = try checked { Glibc.write(destination, bytes.baseAddress, bytes.count) }
            carried += UInt64(written)
            return written
        } catch .wouldBlock {
            return 0
        }
    }

    // MARK: the far end

    /// The value of `carried` after the source's present content has been carried.
    var promised: UInt64 {
        if isSourceEmpty { return carried }
        // A terminal tells only of what its line discipline has taken from a buffer of this size. pty(7).
        let terminalBuffer = Shim.isFIFO(source) ? 0 : 64 << 10
        return carried + UInt64(unwritten.count + unreadBytes(source) + terminalBuffer)
    }

    /// The number of bytes that the destination's reader has not read; only for a FIFO.
    var unread: Int { isFIFO ? unreadBytes(destination) : 0 }

    /// How many bytes have been read at the far end, as far as can be seen.
    var consumed: UInt64 { carried - min(carried, UInt64(unread)) }

    /// Whether another process has the FIFO open for reading; readiness has to be asked for again afterwards.
    func hasReader() -> Bool { !isFIFO || fifoHasReader(besides: destination) }
}

/// The unread content of a FIFO whose flow has ended.
///
/// A reader of our own keeps it there, and leaves the client its end of input.
final class Remainder {
    private let reader: OwnedDescriptor

    /// Nothing when the FIFO cannot be opened once more.
    init?(of destination: Int32) {
        guard let reader = try? OwnedDescriptor.open("/proc/self/fd/\(destination)", [.readOnly, .nonBlocking]) else {
            return nil
        }
        self.reader = reader
    }

    var unread: Int { unreadBytes(reader.rawValue) }

    func hasReader() -> Bool { fifoHasReader(besides: reader.rawValue) }
}

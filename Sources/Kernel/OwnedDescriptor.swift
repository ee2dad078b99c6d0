// A file descriptor with one owner.

internal import CLinux
internal import Glibc

/// A file descriptor that is closed at the end of its owner's life.
@usableFromInline package struct OwnedDescriptor: ~Copyable, Sendable {
    /// The number, borrowed for a system call.
    @usableFromInline package private(set) var rawValue: Int32

    /// Takes over a descriptor; nothing else may close it.
    package init(adopting rawValue: Int32) { self.rawValue = rawValue }

    // Swift without its runtime compiles this into each module that ends the life of one.
    @inlinable deinit { if rawValue >= 0 { closeNumber(rawValue) } }

    /// Passes the number on; the receiver closes it.
    package consuming func relinquish() -> Int32 {
        let number = rawValue
        // `discard self` would do; Swift without its runtime does not have it.
        rawValue = -1
        return number
    }

    /// Another descriptor of the same open file, close-on-exec. fcntl(2).
    /// - Parameter first: the lowest number that the new descriptor may have.
    package borrowing func duplicated(from first: Int32 = 0) throws(Errno) -> OwnedDescriptor {
        let duplicateCloseOnExec: Int32 = 1030  // F_DUPFD_CLOEXEC
        let number = rawValue
        return OwnedDescriptor(
            adopting: try checked {
                let copy = clinux_fcntl(number, duplicateCloseOnExec, Int(first))
                // The first number lies above the soft limit.
                guard copy < 0, errno == EINVAL, clinux_raise_descriptor_limit() != 0 else { return copy }
                return clinux_fcntl(number, duplicateCloseOnExec, Int(first))
            })
    }
}

@usableFromInline package func closeNumber(_ number: Int32) { _ = Glibc.close(number) }

/// Flags of open(2) that Swift's Glibc module hides, and the flags that are always used with them.
package struct OpenFlags: OptionSet, Hashable, Sendable {
    package let rawValue: Int32
    package init(rawValue: Int32) { self.rawValue = rawValue }
    // This initialiser, here and in the other sets of flags, replaces the standard library's, which is found through
    // witness tables at run time; every start would pay for that.
    package init(arrayLiteral elements: Self...) { self.init(rawValue: elements.reduce(0) { $0 | $1.rawValue }) }

    /// The union of both; unlike a literal it allocates no array.
    package static func | (left: Self, right: Self) -> Self { Self(rawValue: left.rawValue | right.rawValue) }

    package static let readOnly = OpenFlags([])  // O_RDONLY
    package static let writeOnly = Self(rawValue: 0o1)  // O_WRONLY
    package static let readWrite = Self(rawValue: 0o2)  // O_RDWR
    package static let create = Self(rawValue: CLINUX_O_CREAT)
    package static let exclusive = Self(rawValue: CLINUX_O_EXCL)
    package static let noControllingTerminal = Self(rawValue: CLINUX_O_NOCTTY)
    package static let truncate = Self(rawValue: CLINUX_O_TRUNC)
    package static let append = Self(rawValue: CLINUX_O_APPEND)
    package static let nonBlocking = Self(rawValue: CLINUX_O_NONBLOCK)
    package static let directory = Self(rawValue: CLINUX_O_DIRECTORY)
    package static let noFollow = Self(rawValue: CLINUX_O_NOFOLLOW)
    package static let closeOnExec = Self(rawValue: CLINUX_O_CLOEXEC)
    package static let path = Self(rawValue: CLINUX_O_PATH)
    package static let temporary = Self(rawValue: CLINUX_O_TMPFILE_ALONE | CLINUX_O_DIRECTORY)
}

extension OwnedDescriptor {
    /// Opens a path; always close-on-exec. open(2).
    /// - Parameter path: text, or the bytes of a name that need not be UTF-8.
    package static func open(
        _ path: UnsafePointer<CChar>, _ flags: OpenFlags = .readOnly, mode: UInt32 = 0,
        at directory: Int32 = currentDirectory
    ) throws(Errno) -> OwnedDescriptor {
        let number = try checked { unsafe clinux_openat(directory, path, flags.union(.closeOnExec).rawValue, mode) }
        return OwnedDescriptor(adopting: number)
    }

    /// `AT_FDCWD`: paths are relative to the working directory.
    package static let currentDirectory: Int32 = AT_FDCWD
}

/// Opens the null device for streams that the caller has closed: a file that is opened later must not take their
/// numbers.
package func openClosedStreams() {
    // open(2) returns the lowest free number, which is this one.
    for number in Int32(0)...2 where clinux_fcntl(number, F_GETFD, 0) < 0 {
        _ = unsafe clinux_openat(AT_FDCWD, "/dev/null", O_RDWR, 0)
    }
}

/// Marks all descriptors from a number on as close-on-exec. close_range(2).
package func closeOnExec(from first: Int32) throws(Errno) {
    let closeOnExec: UInt32 = 4  // CLOSE_RANGE_CLOEXEC
    try checked { clinux_close_range(UInt32(first), ~0, closeOnExec) }
}

/// Closes all descriptors from a number on, except some. close_range(2).
package func closeDescriptors(from first: Int32, except kept: [Int32]) throws(Errno) {
    var first = UInt32(first)
    for number in kept.sorted() where number >= first {
        let end = UInt32(number)
        if end > first { try checked { clinux_close_range(first, end - 1, 0) } }
        first = end + 1
    }
    try checked { clinux_close_range(first, ~0, 0) }
}

/// The whole content of a file. The size is not queried, because files under /proc have none.
/// - Parameter limit: more bytes than this throw `EFBIG`.
package func readAll(_ descriptor: Int32, limit: Int = 64 << 20) throws(Errno) -> [UInt8] {
    var bytes: [UInt8] = []
    var failure: Errno?
    unsafe withUnsafeTemporaryAllocation(byteCount: 4096, alignment: 8) { buffer in
        do throws(Errno) {
            while true {
                let got = try checked { unsafe Glibc.read(descriptor, buffer.baseAddress, buffer.count) }
                if got == 0 { return }
                unsafe bytes.append(contentsOf: UnsafeRawBufferPointer(rebasing: buffer[..<got]))
                if bytes.count > limit { throw Errno(rawValue: EFBIG) }
            }
        } catch {
            failure = error
        }
    }
    if let failure { throw failure }
    return bytes
}

/// The whole content of the file at a path.
package func readFile(_ path: String, at directory: Int32 = OwnedDescriptor.currentDirectory) throws(Errno) -> [UInt8] {
    let file = try unsafe OwnedDescriptor.open(path, .readOnly, at: directory)
    return try readAll(file.rawValue)
}

/// The whole content of a small text file, as under /proc and /sys.
package func readText(_ path: String, at directory: Int32 = OwnedDescriptor.currentDirectory) throws(Errno) -> String {
    RawText.text(try readFile(path, at: directory))
}

/// Writes all bytes, in as many calls as necessary.
package func writeAll(_ bytes: some Collection<UInt8>, to descriptor: Int32) throws(Errno) {
    var failure: Errno?
    let contiguous: Void? = bytes.withContiguousStorageIfAvailable { buffer in
        do throws(Errno) { try unsafe writeBuffer(UnsafeRawBufferPointer(buffer), to: descriptor) } catch {
            failure = error
        }
    }
    if contiguous == nil {
        unsafe Array(bytes).withUnsafeBytes { buffer in
            do throws(Errno) { try unsafe writeBuffer(buffer, to: descriptor) } catch { failure = error }
        }
    }
    if let failure { throw failure }
}

private func writeBuffer(_ buffer: UnsafeRawBufferPointer, to descriptor: Int32) throws(Errno) {
    var offset = 0
    while offset < buffer.count {
        let rest = unsafe UnsafeRawBufferPointer(rebasing: buffer[offset...])
        offset += try checked { unsafe Glibc.write(descriptor, rest.baseAddress, rest.count) }
    }
}

/// Writes all bytes, and polls if the descriptor is non-blocking: the open file's flags are shared with other
/// processes, which may rely on them.
/// - Parameter milliseconds: the longest wait for a reader, after which the rest is given up; a negative time means no
///   limit.
package func writeWaiting(_ bytes: [UInt8], to descriptor: Int32, milliseconds: Int32 = -1) throws(Errno) {
    var offset = 0
    while offset < bytes.count {
        do throws(Errno) {
            offset += try checked {
                unsafe bytes.withUnsafeBytes {
                    unsafe Glibc.write(descriptor, $0.baseAddress.map { unsafe $0 + offset }, bytes.count - offset)
                }
            }
        } catch {
            guard error == .resourceTemporarilyUnavailable else { throw error }
            var entry = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
            guard try checked({ unsafe poll(&entry, 1, milliseconds) }) != 0 else { throw error }
        }
    }
}

/// Writes a value to an existing file in one call, as files under /proc and /sys/fs/cgroup require.
package func writeFile(
    _ path: String, _ text: String, at directory: Int32 = OwnedDescriptor.currentDirectory
) throws(Errno) {
    let file = try unsafe OwnedDescriptor.open(path, .writeOnly, at: directory)
    // Characters that stand for raw bytes begin with this byte.
    guard text.utf8.contains(0xf4) else { return try writeAll(text.utf8, to: file.rawValue) }
    try writeAll(RawText.bytes(text).dropLast().map { UInt8(bitPattern: $0) }, to: file.rawValue)
}

// The state of a program's file in the page cache before it is run.

internal import CLinux
internal import Glibc

/// How the page cache holds the programs under test.
///
/// A written file lies in large folios; a file that was read back lies in smaller ones, and a start maps more of them.
/// Installed programs are in the second state, sooner or later in the third.
enum FileState: String, CaseIterable {
    /// A copy that was written a moment ago.
    case copied
    /// A file that was written to the disk, dropped from the page cache, and read again by its first run.
    case read
    /// A file that is read from the disk by every command.
    case cold
}

/// A copy of a program in one of these states.
struct ProgramFile {
    private let path: String
    let state: FileState

    /// Brings a copy at `path` to its state.
    init(path: String, state: FileState) throws {
        (self.path, self.state) = (path, state)
        guard state != .copied else { return }
        try withDescriptor { guard fsync($0) == 0 else { throw failure("cannot be written to the disk") } }
        try drop()
    }

    /// Drops a cold file's pages again; call this before each command.
    func prepare() throws {
        if state == .cold { try drop() }
    }

    // POSIX_FADV_DONTNEED drops clean pages that no process has mapped (posix_fadvise(2)).
    private func drop() throws {
        try withDescriptor { descriptor in
            guard posix_fadvise(descriptor, 0, 0, POSIX_FADV_DONTNEED) == 0 else {
                throw failure("cannot be dropped from the page cache")
            }
        }
    }

    private func withDescriptor(_ body: (Int32) throws -> Void) throws {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw failure("cannot be opened") }
        defer { close(descriptor) }
        try body(descriptor)
    }

    private func failure(_ problem: String) -> BenchFailure {
        BenchFailure("\(path): \(problem): \(String(cString: strerror(errno)))")
    }
}

// Starting programs. The shim has threads, so it never forks into Swift.

internal import CLinux
internal import Glibc
internal import Kernel

/// A program to start.
struct Program {
    /// A path; `PATH` is not searched.
    var executable: String
    /// The arguments, the program's name first.
    var arguments: [String]
    /// `NAME=value` each; nothing passes on the shim's own.
    var environment: [String]?
    /// The working directory; nothing keeps the shim's.
    var directory: String?
    /// The descriptors that become 0, 1, 2, …, borrowed for the call; all others are closed.
    var descriptors: [Int32]
    /// Whether the program leads a new process group.
    var leadsGroup = false

    /// Whether the program is killed when the shim dies, so that it makes nothing while another process cleans up after
    /// the shim.
    var diesWithParent = false

    /// Starts it, with default signal handling.
    /// - Returns: the process id, a child of ours.
    func start() throws(Errno) -> pid_t {
        let shifted = try ShiftedDescriptors(descriptors)
        let arguments = CStringArray(arguments)
        let inherited = clinux_environ()
        let own = CStringArray(environment ?? [])
        let path = CStringArray([executable] + (directory.map { [$0] } ?? []))
        return try checked {
            shifted.numbers.withUnsafeBufferPointer { numbers in
                var program = clinux_program(
                    path: path.pointer[0], arguments: arguments.pointer,
                    environment: environment == nil ? inherited : own.pointer, directory: path.pointer[1],
                    descriptors: numbers.baseAddress, descriptor_count: Int32(numbers.count),
                    leads_group: leadsGroup ? 1 : 0, dies_with_parent: diesWithParent ? 1 : 0)
                return clinux_spawn(&program)
            }
        }
    }
}

/// Copies of descriptors that lie above all their destinations, so that no copy overwrites a source.
private struct ShiftedDescriptors: ~Copyable {
    private(set) var numbers: [Int32] = []
    private var copies: [Int32] = []

    init(_ sources: [Int32]) throws(Errno) {
        for source in sources {
            if source >= sources.count {
                numbers.append(source)
                continue
            }
            let copy = try checked { fcntl(source, F_DUPFD_CLOEXEC, Int32(sources.count)) }
            copies.append(copy)
            numbers.append(copy)
        }
    }

    deinit { for copy in copies { close(copy) } }
}

/// A null-terminated array of strings, as execve(2) takes it.
struct CStringArray: ~Copyable {
    let pointer: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>
    private let count: Int

    init(_ strings: [String]) {
        count = strings.count
        pointer = .allocate(capacity: count + 1)
        for (index, string) in strings.enumerated() { pointer[index] = strdup(RawText.bytes(string)) }
        pointer[count] = nil
    }

    deinit {
        for index in 0..<count { free(pointer[index]) }
        pointer.deallocate()
    }
}

/// The executable of a name: the name itself if it contains a slash, otherwise the first match in `PATH`, otherwise the
/// file beside the shim's own binary.
func findExecutable(_ name: String) -> String? {
    if name.utf8.contains(UInt8(ascii: "/")) { return name }
    var places = environmentVariable("PATH").map { $0.split(at: ":").map(String.init) } ?? []
    if let own = ownExecutable, let slash = own.utf8.lastIndex(of: UInt8(ascii: "/")) {
        places.append(String(own[..<slash]))
    }
    return places.lazy.map { $0 + "/" + name }.first { clinux_access($0, X_OK) == 0 }
}

/// The directory of the shim's own binary.
var ownExecutable: String? {
    var buffer = [UInt8](repeating: 0, count: Int(PATH_MAX))
    let length = buffer.withUnsafeMutableBytes { bytes in
        bytes.withMemoryRebound(to: CChar.self) { characters in
            characters.baseAddress.map { readlink("/proc/self/exe", $0, characters.count) } ?? -1
        }
    }
    return length > 0 ? RawText.text(Array(buffer[..<length])) : nil
}

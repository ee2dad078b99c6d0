// Converts the result of a system call to a Swift value or an Errno.

internal import CLinux
internal import Glibc

/// The value that a system call returned. The errno is read at once, before other code can change it.
///
/// An interrupted call is repeated, unless a request to end has interrupted it. Not for `close`, and not for calls whose
/// interruption has a meaning. One that lacks a descriptor is repeated if the caller's limit can be raised:
/// ``restoreDescriptorLimit()``.
/// - Throws: the kernel's error.
@discardableResult
package func checked(_ call: () -> Int32) throws(Errno) -> Int32 { try repeated(call) }

/// The number of bytes that a system call returned, as the other function gives other values.
@discardableResult
package func checked(_ call: () -> Int) throws(Errno) -> Int { try repeated(call) }

// Two functions call this one: a generic function that another module calls requests metadata at run time.
@inline(__always)
private func repeated<Value: FixedWidthInteger>(_ call: () -> Value) throws(Errno) -> Value {
    // A seccomp filter can answer EINTR for ever.
    var interruptions = 1 << 16
    while true {
        let value = call()
        if value != -1 { return value }
        let code = Errno(rawValue: errno)
        if code == .tooManyOpenFiles, clinux_raise_descriptor_limit() != 0 { continue }
        interruptions -= 1
        if code != .interrupted || interruptions == 0 || clinux_request_to_end() != 0 { throw code }
    }
}

extension Errno {
    /// The kernel's message for the error, in the form that runtimes use: `no such file or directory`.
    package var message: String {
        guard let text = unsafe strerror(rawValue) else { return "error \(rawValue)" }
        var bytes = unsafe Array(String(cString: text).utf8)
        let startsWithAcronym = bytes.count > 1 && (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(bytes[1])
        if let first = bytes.first, (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(first), !startsWithAcronym {
            bytes[0] = first | 0x20
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}

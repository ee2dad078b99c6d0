// The environment of this process.

internal import CLinux
internal import Glibc

/// The environment of this process, `NAME=value` each. Values may be any bytes, as ``RawText`` shows them.
package func currentEnvironment() -> [String] {
    var entries: [String] = []
    var next = unsafe clinux_environ()
    while let entry = unsafe next?.pointee {
        unsafe entries.append(RawText.text(entry))
        unsafe next = unsafe next?.successor()
    }
    return entries
}

/// A variable of this process's environment, when it is set and not empty.
package func environmentVariable(_ name: String) -> String? {
    guard let value = unsafe getenv(name), unsafe value.pointee != 0 else { return nil }
    return unsafe RawText.text(value)
}

// The environment of this process.

internal import CLinux
internal import Glibc

/// The environment of this process, `NAME=value` each. Values may be any bytes, as ``RawText`` shows them.
package func currentEnvironment() -> [String] {
    var entries: [String] = []
    var next = clinux_environ()
    while let entry = next?.pointee {
        entries.append(RawText.text(entry))
        next = next?.successor()
    }
    return entries
}

/// A variable of this process's environment, when it is set and not empty.
package func environmentVariable(_ name: String) -> String? {
    guard let value = getenv(name), value.pointee != 0 else { return nil }
    return RawText.text(value)
}

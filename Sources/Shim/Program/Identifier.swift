// The names that containerd gives to namespaces, containers, pods and exec processes.

/// Whether a name is one that containerd accepts: letters and digits, with `.`, `_` and `-` one at a time between them,
/// at most 76 bytes. Paths and command lines are made of it.
package func isIdentifier(_ name: String) -> Bool {
    guard (1...76).contains(name.utf8.count) else { return false }
    var isAfterAlphanumeric = false
    for byte in name.utf8 {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            isAfterAlphanumeric = true
        case UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
            if !isAfterAlphanumeric { return false }
            isAfterAlphanumeric = false
        default: return false
        }
    }
    return isAfterAlphanumeric
}

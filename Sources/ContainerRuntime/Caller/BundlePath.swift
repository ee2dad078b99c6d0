// A container that is named by its bundle: the one of that bundle, and not of another that is called the same.

internal import Glibc
internal import Kernel
internal import SystemPackage

/// The path of a bundle as somebody names it, for a container that was made from it.
package struct BundlePath: Equatable, Sendable {
    /// Absolute, and without links as far as it leads anywhere: a bundle that is gone still names its container.
    package let path: String

    package init(_ argument: String) {
        let whole = argument.isAbsolutePath ? argument : (resolvedPath(".") ?? "") + "/" + argument
        let clean = cleanPath(whole)
        // The last name is the bundle's own also where it is gone; what is above it may be there, and a link.
        let name = clean.split(at: "/").last.map(String.init) ?? ""
        path = resolvedPath(whole) ?? resolvedPath(cleanPath(clean + "/..")).map { cleanPath($0 + "/" + name) } ?? clean
    }

    /// What the bundle's container is called where nobody gives it an id.
    package var name: String { path.split(at: "/").last.map(String.init) ?? "" }

    /// Whether it is the bundle that a record has. A directory may have several paths, by mounts; a name that is no UTF-8
    /// was changed on reading, and is not believed.
    func isSame(as recorded: String) -> Bool {
        if path == recorded, !path.unicodeScalars.contains("\u{FFFD}") { return true }
        do throws(Errno) {
            let (one, other) = (try fileStatus(at: path), try fileStatus(at: recorded))
            return one.device == other.device && one.inode == other.inode
        } catch {
            return false
        }
    }
}

private func resolvedPath(_ path: String) -> String? {
    guard let pointer = realpath(RawText.bytes(path), nil) else { return nil }
    defer { free(pointer) }
    return RawText.text(pointer)
}
